// A value that components watch: the smallest store there is.
import { useEffect, useState } from "./html.js";

/** Returns {get, set, subscribe}; `set` tells the subscribers if the value is another one. */
export function cell(value) {
  const listeners = new Set();
  return {
    get: () => value,
    set(next) {
      if (Object.is(next, value)) return;
      value = next;
      for (const listener of [...listeners]) listener(value);
    },
    subscribe(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}

/** The cell's value; the component is drawn again when it changes. */
export function useCell(watched) {
  const [value, setValue] = useState(watched.get());
  useEffect(() => {
    setValue(watched.get()); // it may have changed between the drawing and now
    return watched.subscribe(setValue);
  }, [watched]);
  return value;
}
