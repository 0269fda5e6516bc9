// Light or dark, before the first paint. A plain script, so that it runs ahead of the modules.
(() => {
  const KEY = "starfill-theme";
  const root = document.documentElement;
  const stored = () => {
    try {
      return localStorage.getItem(KEY);
    } catch {
      return null; // storage can be forbidden; then the system's choice counts
    }
  };
  const apply = (choice) => {
    if (choice === "light" || choice === "dark") root.dataset.theme = choice;
    else delete root.dataset.theme;
  };
  apply(stored());
  window.starfillTheme = {
    /** What is shown now: "light" or "dark". */
    shown: () => root.dataset.theme ?? (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light"),
    choose(choice) {
      apply(choice);
      try {
        localStorage.setItem(KEY, choice);
      } catch {
        // it counts until the page is left
      }
      window.dispatchEvent(new Event("themechange"));
    },
  };
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () =>
    window.dispatchEvent(new Event("themechange")),
  );
})();
