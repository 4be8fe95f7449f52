import json
async def test_x(world):
    r = await world.ask("GET", "/openapi.json", role=None)
    open("/tmp/openapi.json","wb").write(await r.read())
    for p in ("/docs", "/problems/not-json", "/problems/x", "/pages/style.css", "/", "/health/live","/health/ready","/metrics","/v1/carriers","/v1/queues","/v1/agents","/v1/dead-letters","/v1/conversations","/v1/offers","/v1/events/","/v1/nothing"):
        r = await world.ask("GET", p, allow_redirects=False)
        print(p, r.status, r.headers.get("Content-Type"), len(await r.read()))
    await world.event(); await world.settled()
    t = (await world.json("GET","/v1/messages"))["items"][0]["text"].rpartition("/c/")[2]
    r = await world.ask("GET", f"/c/{t}", role=None); print(r.status, await r.text(), r.headers)
    await world.text_in("what is this?")
    c = (await world.json("GET","/v1/conversations"))["items"][0]
    print(c)
    p=f"/v1/conversations/{c['id']}"
    print(await world.json("POST", p+"/claim", {"agent":"Ben"}, role="agent", status=422))
    print(await world.json("POST", p+"/messages", {"agent":"Ana","text":"hi"}, role="agent", status=409))
    print(await world.json("POST", p+"/claim", {"agent":"Ana"}, role="agent"))
    print(await world.json("POST", p+"/claim", {"agent":"Ben"}, role="agent", status=409))
    print(await world.json("POST", p+"/messages", {"agent":"Ana","text":"hi"}, role="agent", status=202, headers={"Idempotency-Key":"k"}))
    print(await world.json("POST", p+"/messages", {"agent":"Ana","text":"hi"}, role="agent", status=202, headers={"Idempotency-Key":"k"}))
    print(await world.json("POST", p+"/notes", {"text":"note"}, role="agent", status=201))
    print(await world.json("POST", p+"/transfer", {"to":"travel","agent":"Ana"}, role="agent"))
    print(await world.json("POST", p+"/hand-back", {}, role="agent"))
    print(await world.json("POST", p+"/close", {"disposition":"x"}, role="agent", status=409))
    print(await world.json("GET", "/v1/customers/+15551234567"))
    print(await world.json("GET", "/v1/offers"))
