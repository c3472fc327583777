"""The data folder is one server's own, or shared by the processes of a cluster."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.conftest import make_settings

from tiro.bootstrap.data import lock_data_folder
from tiro.errors import DataFolderInUse


def test_a_cluster_shares_it(tmp_path: Path) -> None:
    settings = make_settings(tmp_path / "data")
    locks = [lock_data_folder(settings, shared=True) for _ in range(3)]
    for lock in locks:
        with pytest.raises(DataFolderInUse):
            lock_data_folder(settings)
        lock.release()
    lock_data_folder(settings).release()


def test_a_server_that_is_alone_lets_nobody_in(tmp_path: Path) -> None:
    settings = make_settings(tmp_path / "data")
    lock = lock_data_folder(settings)
    for shared in (False, True):
        with pytest.raises(DataFolderInUse):
            lock_data_folder(settings, shared=shared)
    lock.release()
    lock_data_folder(settings, shared=True).release()
