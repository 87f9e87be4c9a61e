"""Connections are given out in the order in which they were asked for."""

import asyncio

from target.database import Pooled

USERS = 200


async def turns(url: str) -> tuple[list[int], list[int]]:
    """Who asked for one of two connections, one after the other at each turn of the loop, and who got one."""
    store, asked, got = Pooled(), list[int](), list[int]()
    await store.open(url, 2)

    async def user(number: int) -> None:
        for _ in range(number):
            await asyncio.sleep(0)
        asked.append(number)
        async with store.pool.acquire() as connection:
            got.append(number)
            await connection.fetchval("SELECT 1")

    try:
        await asyncio.gather(*map(user, range(USERS)))
    finally:
        await store.close()
    return asked, got


def test_nobody_is_overtaken(database: str) -> None:
    asked, got = asyncio.run(turns(database))

    assert got == asked == list(range(USERS))


def test_a_turn_that_is_given_up_is_not_lost(database: str) -> None:
    async def given_up() -> bool:
        store = Pooled()
        await store.open(database, 1)
        try:
            async with store.pool.acquire():
                waiting = asyncio.ensure_future(store.pool.fetchval("SELECT 1"))
                await asyncio.sleep(0)
                waiting.cancel()
                await asyncio.wait([waiting])
            return await store.answers()
        finally:
            await store.close()

    assert asyncio.run(given_up())
