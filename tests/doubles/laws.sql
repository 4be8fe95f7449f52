-- The invariants of design section 4, as questions to the database: rows that are found break the law above them.

-- 2: one open conversation per customer and brand
SELECT customer_id, brand, count(*)
FROM conversation
WHERE state <> 'closed'
GROUP BY 1, 2 HAVING count(*) > 1;

-- 2: one floor per conversation
SELECT conversation_id, count(*)
FROM dialogue
WHERE state IN ('floor', 'calling')
GROUP BY 1 HAVING count(*) > 1;

-- 2: the floor belongs to the bot's turn
SELECT d.id, c.state
FROM dialogue d
JOIN conversation c ON c.id = d.conversation_id
WHERE d.state IN ('floor', 'calling') AND c.state <> 'bot';

-- 3: the owner is exactly one: an agent in human and waiting, the queue in queued, else none
SELECT id, state, owner_id, agent, queue
FROM conversation
WHERE (state IN ('human', 'waiting', 'wrapup') AND (agent IS NULL OR owner_id <> agent)) OR (state = 'queued' AND
  (agent IS NOT NULL OR owner_id <> queue)) OR (state IN ('bot', 'closed') AND agent IS NOT NULL);

-- 7: QUEUED has a live timer of its epoch
SELECT c.id, c.epoch
FROM conversation c
WHERE c.state = 'queued'
AND NOT EXISTS (SELECT 1
FROM work w
WHERE w.kind = 'queue_wait' AND w.ref = c.id AND w.body = CAST(c.epoch AS TEXT));

-- 7: what an agent has ends or goes on to others: it has one live timer of its own
SELECT c.id, c.state, c.promises
FROM conversation c
WHERE c.state IN ('human', 'waiting')
AND 1 <> (SELECT count(*)
FROM work w
WHERE w.kind = 'promise' AND w.body = 'idle' AND w.ref = c.id
AND w.id = json_extract(c.promises, '$[2].idle[0]') AND w.due = json_extract(c.promises, '$[2].idle[1]'));

-- 7: what an agent left and owed no answer ends too: it keeps that timer, and nobody is alarmed
SELECT c.id, c.promises
FROM conversation c
WHERE c.state = 'queued' AND json_extract(c.promises, '$[0]') IS NULL AND json_extract(c.promises, '$[4]') IS NULL
AND (json_extract(c.promises, '$[2].unclaimed') IS NOT NULL OR 1 <> (SELECT count(*)
FROM work w
WHERE w.kind = 'promise' AND w.body = 'idle' AND w.ref = c.id
AND w.id = json_extract(c.promises, '$[2].idle[0]') AND w.due = json_extract(c.promises, '$[2].idle[1]')));

-- ... and what waits for a person does not end by itself
SELECT c.id, c.promises
FROM conversation c
WHERE c.state = 'queued' AND json_extract(c.promises, '$[2].idle') IS NOT NULL
AND (json_extract(c.promises, '$[0]') IS NOT NULL OR json_extract(c.promises, '$[4]') IS NOT NULL);

-- who waits hears little: no opening time twice, that all are busy twice, that it closes or takes longer once
SELECT c.id, c.promises
FROM conversation c
WHERE c.promises IS NOT NULL AND (json_array_length(c.promises, '$[3]') > 4 OR EXISTS (SELECT 1
FROM json_each(c.promises, '$[3]') t
GROUP BY abs(t.value)
HAVING count(*) > iif(t.value = 0, 2, 1)) OR (SELECT count(*)
FROM json_each(c.promises, '$[3]') t
WHERE t.value < 0) > 1);

-- a dialogue with a deadline has its timer
SELECT d.id, d.step, d.deadline
FROM dialogue d
WHERE d.state = 'floor' AND d.deadline IS NOT NULL
AND NOT EXISTS (SELECT 1
FROM work w
WHERE w.kind = 'step' AND w.ref = d.id AND w.due <= d.deadline);

-- 9: each CLOSED has a disposition, and what is closed for the customer; each open one has none
SELECT id, state, disposition, closed_at
FROM conversation
WHERE (state IN ('closed', 'wrapup')) <> (disposition IS NOT NULL)
OR (state IN ('closed', 'wrapup')) <> (closed_at IS NOT NULL);

-- a wrap-up ends
SELECT id
FROM conversation c
WHERE state = 'wrapup' AND NOT EXISTS (SELECT 1 FROM work w WHERE w.kind = 'wrapup' AND w.ref = c.id);

-- no dialogue of a closed conversation goes on
SELECT d.id, d.state
FROM dialogue d
JOIN conversation c ON c.id = d.conversation_id
WHERE c.state = 'closed' AND d.state <> 'done';

-- 9: one active offer per customer and family
SELECT customer_id, family, count(*)
FROM offer
WHERE state IN ('open', 'accepted', 'fulfilling')
GROUP BY 1, 2 HAVING count(*) > 1;

-- 9: each offer that ended says when, each open one will end
SELECT o.id, o.state
FROM offer o
WHERE (o.state IN ('open', 'accepted', 'fulfilling')) <> (o.ended_at IS NULL) OR (o.state = 'open'
AND NOT EXISTS (SELECT 1
FROM work w
WHERE w.kind = 'offer_expires' AND w.ref = o.id));

-- 9: an accepted offer has one call, with the offer's id as its key
SELECT o.id, o.state, (SELECT count(*)
FROM call k
WHERE k.offer_id = o.id) AS calls
FROM offer o
WHERE o.backoffice IS NOT NULL AND ((o.state IN ('fulfilling', 'fulfilled', 'failed')) <> (calls = 1) OR calls > 1
OR EXISTS (SELECT 1
FROM call k
WHERE k.offer_id = o.id AND k.idempotency_key <> CAST(o.id AS TEXT)));

-- an open call is in the outbox, or is a dead letter
SELECT k.id
FROM call k
WHERE k.state = 'open'
AND NOT EXISTS (SELECT 1
FROM work w
WHERE w.kind = 'call' AND w.ref = k.id)
AND NOT EXISTS (SELECT 1
FROM dead_letter l
WHERE l.ref = k.id AND l.kind = 'call');

-- a message that waits has a row of work, an open attempt or a doubt, unless the carrier has all its parts
SELECT m.id, m.state, m.text
FROM message m
WHERE m.direction = 'mt' AND m.state IN ('held', 'queued')
AND m.parts > (SELECT count(DISTINCT a.part)
FROM attempt a
WHERE a.message_id = m.id AND a.outcome = 'accepted')
AND NOT EXISTS (SELECT 1
FROM work w
WHERE w.kind IN ('send', 'doubt') AND w.ref = m.id)
AND NOT EXISTS (SELECT 1
FROM attempt a
WHERE a.message_id = m.id AND a.outcome IS NULL);

-- a final message of ours has a disposition
SELECT id, text
FROM message
WHERE direction = 'mt' AND state = 'final' AND disposition IS NULL;

-- 5: nothing waits for an opted-out customer but confirmations
SELECT m.id, m.text
FROM message m
JOIN consent c ON c.address_id = m.address_id AND c.brand = m.brand
JOIN work w ON w.kind = 'send' AND w.ref = m.id
WHERE c.state = 'revoked' AND m.cls > 0 AND m.author_id <> 'compliance';

-- 5: an opted-out customer has no open conversation
SELECT v.id, v.state
FROM conversation v
JOIN customer u ON u.id = v.customer_id
JOIN consent c ON c.address_id = u.address_id AND c.brand = v.brand
WHERE c.state = 'revoked' AND v.state <> 'closed';

-- 6: a part is tried a second time only after a doubt or a refusal for now
SELECT a.message_id, a.part
FROM attempt a
JOIN attempt b ON b.message_id = a.message_id AND b.part = a.part AND b.attempt > a.attempt
WHERE a.outcome IN ('accepted', 'refused') AND b.at > a.answered_at;

-- 6: a second try after a doubt is marked
SELECT m.id
FROM message m
WHERE m.possible_duplicate = 0
AND EXISTS (SELECT 1
FROM attempt a
JOIN attempt b ON b.message_id = a.message_id AND b.part = a.part AND b.attempt > a.attempt
WHERE a.message_id = m.id AND a.outcome = 'in_doubt');

-- every text of a bot or an agent says whose it is
SELECT id
FROM message
WHERE direction = 'mt' AND author_kind IN ('bot', 'agent', 'event') AND author_id = '';

-- only what waits is reserved, and who is asked has a deadline
SELECT c.id, c.state, c.reservation
FROM conversation c
WHERE c.reservation IS NOT NULL AND (c.state <> 'queued' OR (json_extract(c.reservation, '$[0]') IS NOT NULL
AND NOT EXISTS (SELECT 1
FROM work w
WHERE w.kind = 'reserved' AND w.ref = c.id AND w.due <= json_extract(c.reservation, '$[1]'))));

-- what is promised and runs has its timer
SELECT c.id, w.key
FROM conversation c, json_each(c.promises, '$[2]') w
WHERE c.promises IS NOT NULL AND json_extract(w.value, '$[0]') <> 0
AND NOT EXISTS (SELECT 1
FROM work t
WHERE t.kind = 'promise' AND t.ref = c.id AND t.body = w.key AND t.id = json_extract(w.value, '$[0]'));

-- a timer of a promise belongs to one that runs: one of a kind at a time
SELECT t.id, t.body, c.state
FROM work t
JOIN conversation c ON c.id = t.ref
WHERE t.kind = 'promise' AND (c.state IN ('bot', 'closed') OR NOT EXISTS (SELECT 1
FROM json_each(c.promises, '$[2]') w
WHERE w.key = t.body AND json_extract(w.value, '$[0]') = t.id));

-- an answer ends what was promised of it; the ladder is for those whom it concerns
SELECT c.id, c.state, w.key
FROM conversation c, json_each(c.promises, '$[2]') w
WHERE c.promises IS NOT NULL AND json_extract(w.value, '$[0]') <> 0 AND (
  (c.state = 'waiting' AND w.key NOT IN ('resolve', 'idle')) OR (c.state = 'queued' AND w.key = 'unanswered') OR
  (c.state = 'human' AND w.key = 'unclaimed'));

-- 7: the bot's turn ends too: a step has a deadline, a call is under way, or what was bought is not delivered yet
SELECT c.id, c.owner_id
FROM conversation c
WHERE c.state = 'bot' AND NOT EXISTS (SELECT 1
FROM dialogue d
WHERE d.conversation_id = c.id AND (d.state = 'calling' OR (d.state = 'floor' AND d.deadline IS NOT NULL)))
AND NOT EXISTS (SELECT 1
FROM offer o
WHERE o.customer_id = c.customer_id AND o.state IN ('accepted', 'fulfilling'));
