from gateway.web.routes import *
from gateway.web.events import Events
def all_routes(s):
    e = Events(s)
    return [Route("POST", "/v1/events", "post_event", e.post, SENDERS, "", "events"), Route("GET", "/v1/events/{id}", "get_event", e.get, READERS, "", "events")]
