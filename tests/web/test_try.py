async def test_x(world):
    r = await world.event()
    print(r)
    await world.settled()
    print(await world.json("GET", f"/v1/events/{r['event']}"))
    r = await world.event(); print(r)
    r = await world.ask("POST","/v1/events", b'{"specversion":"1.0","data":{"a":NaN}}', headers={"Content-Type":"application/cloudevents+json"})
    print(await r.text())
    print(world.sends)
