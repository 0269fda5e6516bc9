"""The shim that lets old tools install what `setup.cfg` describes."""

from setuptools import setup

setup()
