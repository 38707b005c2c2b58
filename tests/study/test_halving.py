"""Tests of `train.halving` in a study file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tests.study.texts import text_of

