"""One stocked director for all faults: none of them may change it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest
import pytest_asyncio

from tests.contract.bad_input.desk import BadInput, open_desk, stock
from tests.programs import need


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def desk(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[BadInput]:
    need("ruby")
    async with AsyncExitStack() as stack:
        made = await open_desk(tmp_path_factory.mktemp("bad-input"), stack)
        await stock(made)
        yield made
