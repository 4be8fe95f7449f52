// The desk, and the evidence: conversation, offers, billing's calls, the timeline of each message.

import {$, at, facts, make, post, say, sync} from "/build.js";

const STATES = [["bot", "bot"], ["queued", "in the queue"], ["human", "agent"], ["closed", "closed"]];
const TONES = {
  delivered: "good", fulfilled: "good", accepted: "accent", fulfilling: "accent", open: "accent", declined: "", expired: "warn",
  failed: "bad", blocked: "bad", bounced: "bad", misdirected: "bad", opted_out: "warn", in_doubt: "warn", unknown: "warn",
};
const MONEY = (price, currency, period) => {
  const amount = new Intl.NumberFormat(undefined, {style: "currency", currency}).format(price);
  return period && period !== "once" ? `${amount} a ${period}` : amount;
};
const badge = (text, tone = TONES[text] ?? "") => make("span", {className: `badge ${tone}`, textContent: text.replaceAll("_", " ")});

let agents = [];
let shown = null;

/** Shows the conversation that matters: the one a person must look at, else the newest. */
export function conversation(all) {
  const one = all.find((other) => other.state !== "closed") ?? all[0];
  $("#conversation-empty").hidden = Boolean(one);
  $("#conversation").hidden = !one;
  $("#conversation-id").textContent = one ? `…${one.id.slice(-8)}` : "";
  $("#conversation-id").title = one ? one.id : "";
  if (!one) return;
  const present = one.state === "waiting" || one.state === "wrapup" ? "human" : one.state;
  $("#states").replaceChildren(...STATES.flatMap(([name, words], place) => {
    const state = make("li", {className: `state ${name}${name === present ? " now" : ""}`, textContent: words});
    if (name === present) state.setAttribute("aria-current", "step");
    return place ? [make("li", {className: "arrow", textContent: "→", ariaHidden: "true"}), state] : [state];
  }));
  const slots = Object.entries(one.slots ?? {}).map(([name, value]) => `${name} = ${value}`).join(", ");
  facts($("#conversation-facts"), [
    ["whose turn", turn(one)],
    ["handler", one.handler ? `${one.handler}${one.step && one.state === "bot" ? `, waits in “${one.step}”` : ""}` : ""],
    ["remembers", slots],
    ["why", one.state === "closed" ? "" : one.why],
    ["outcome", one.disposition ? one.disposition.replaceAll("_", " ") : ""],
  ]);
  sync($("#offers"), (one.offers ?? []).map((offer) => [offer.id, offer]), drawOffer);
}

function turn(one) {
  if (one.state === "closed") return "nobody’s: it is closed";
  if (one.owner.kind === "queue") return `queue ${one.queue}: waits for a person`;
  if (one.owner.kind === "agent") {
    const name = nameOf(one.agent ?? one.owner.id);
    return one.state === "waiting" ? `${name} asked, the customer is silent` : name;
  }
  return "the handler’s";
}

function nameOf(agent) {
  return agents.find((other) => other.jid === agent || other.name === agent)?.name ?? String(agent ?? "").split("@")[0];
}

function drawOffer(offer) {
  const said = offer.accepted_words ? `accepted with the words “${offer.accepted_words}”` : "";
  const result = offer.result ? `billing answered ${JSON.stringify(offer.result)}` : offer.problem ?? "";
  return make("li", {className: "offer"},
    make("strong", {textContent: `${offer.title}, ${MONEY(offer.price, offer.currency, offer.period)}`}), badge(offer.state),
    said || result ? make("p", {textContent: [said, result].filter(Boolean).join("; ")}) : null);
}

/** Billing: how it behaves, and what it got. */
export function billing({mode, modes, calls}) {
  const buttons = Object.entries(modes).map(([name, words]) => {
    const button = make("button", {type: "button", textContent: name, title: words});
    button.setAttribute("aria-pressed", String(name === mode));
    button.onclick = () => post("/billing", {mode: name}).catch((problem) => say($("#mode-said"), problem.message, true));
    return button;
  });
  const print = mode + buttons.length;
  if ($("#modes").dataset.print !== print) {
    const focused = $("#modes").contains(document.activeElement) ? document.activeElement.textContent : "";
    $("#modes").replaceChildren(...buttons);
    $("#modes").dataset.print = print;
    buttons.find((button) => button.textContent === focused)?.focus();
  }
  $("#mode-said").textContent = mode === "down" ? "The billing system does not answer." : `Billing ${modes[mode] ?? ""}.`;
  $("#mode-said").classList.remove("bad");
  const count = $("#billing-count");
  const distinct = new Set(calls.map((call) => call.idempotency_key)).size;
  count.textContent = calls.length ? `${distinct} ${distinct === 1 ? "thing" : "things"} asked, ${calls.length} ${calls.length === 1 ? "call" : "calls"}` : "";
  $("#calls-empty").hidden = calls.length > 0;
  sync($("#calls"), calls.map((call) => [`${call.webhook_id}${call.at}`, call]), drawCall);
}

function drawCall(call) {
  const good = call.status < 300;
  const seal = call.verified ? make("span", {className: "good", textContent: "✓ signature verified"})
    : make("span", {className: "bad", textContent: "✕ signature does not fit"});
  const key = make("span", {title: call.idempotency_key}, "key ", make("span", {className: "mono", textContent: call.idempotency_key}));
  return make("li", {className: "call"},
    make("div", {className: "top"}, make("strong", {textContent: call.action || "unreadable"}),
      badge(String(call.status), good ? "good" : call.status >= 500 ? "warn" : "bad"),
      call.repeated ? badge("known key: not done again", "accent") : null, at(call.at)),
    make("div", {className: "proof"}, seal, key),
    make("details", {}, make("summary", {textContent: "what was asked, and answered"}),
      make("pre", {tabIndex: 0, textContent: JSON.stringify({asked: call.body, answered: call.answer}, null, 2)})));
}

/** The timelines, newest first. */
export function messages(all) {
  $("#messages-empty").hidden = all.length > 0;
  $("#messages-count").textContent = all.length ? String(all.length) : "";
  const open = !$("#messages").drawn?.size && all.length === 1;
  sync($("#messages"), all.map((message) => [message.id, message]), drawMessage);
  if (open) $("#messages details").open = true;
}

function drawMessage(message) {
  const incoming = message.direction === "mo";
  const by = {agent: nameOf(message.author?.id), bot: "bot", event: "bot", system: "gateway", api: "API"}[message.author?.kind] ?? "";
  const said = make("span", {}, make("span", {className: "words", textContent: message.text}),
    make("span", {className: "when"}, at(message.at), incoming ? " from the phone" : ` ${by ? `by the ${by}`.replace(/by the (?=[A-Z])(?!API)/, "by ") : ""}`,
      incoming ? "" : `, ${message.class}, ${message.segments} part${message.segments === 1 ? "" : "s"}`));
  const state = incoming ? badge("received", "good") : badge(message.disposition ?? message.state, TONES[message.disposition] ?? "accent");
  return make("details", {className: `message ${message.direction}`},
    make("summary", {}, make("span", {className: "way", textContent: incoming ? "◂" : "▸", ariaHidden: "true"}), said, state),
    make("ol", {className: "timeline"}, ...gathered(message.timeline ?? []).map(drawMoment)));
}

/** Gates that let a message pass one after another are one line that names them all; one that stopped it stands alone. */
function gathered(timeline) {
  const lines = [];
  for (const moment of timeline) {
    const last = lines.at(-1);
    const passed = moment.kind === "gate" && !stopped(moment);
    if (passed && last?.gates && last.at === moment.at) last.gates.push(moment.code);
    else lines.push(passed ? {...moment, gates: [moment.code]} : moment);
  }
  return lines.map((line) => (line.gates?.length > 1
    ? {...line, code: null, reason: `passed ${line.gates.map((gate) => gate.replaceAll("_", " ")).join(", ")}`} : line));
}

const stopped = (moment) => /^(blocked|held)/.test(moment.reason ?? "");

function drawMoment(moment) {
  const words = make("span", {});
  const code = {gate: moment.code, response: moment.remote_id ? `id ${moment.remote_id}` : moment.code, receipt: moment.code}[moment.kind];
  if (moment.route && moment.kind === "attempt") words.append(`${moment.route}: `);
  if (code) words.append(make("code", {textContent: code}), " ");
  words.append(moment.reason ?? "");
  return make("li", {className: `is-${moment.kind}${stopped(moment) ? " stopped" : ""}`}, at(moment.at), make("b", {textContent: moment.kind}), words);
}

/** The desk: whoever waits for a person, and what the agent can do. */
export function desk(conversations, messages) {
  const waiting = conversations.find((one) => ["queued", "human", "waiting"].includes(one.state));
  if (waiting?.id !== shown?.id) {
    $("#answer").value = "";
    if (waiting) say($("#desk-said"), "");
  }
  shown = waiting ?? null;
  $(deskPlace()).classList.toggle("waits", waiting?.state === "queued");
  if (deskPlace() === "#chat") return;
  $("#desk-empty").hidden = Boolean(waiting);
  $("#desk-work").hidden = !waiting;
  const state = $("#desk-state");
  state.textContent = waiting ? (waiting.state === "queued" ? "waits for you" : `with ${nameOf(waiting.agent)}`) : "";
  state.className = `badge ${waiting ? "agent" : ""}`;
  if (!waiting) return;
  const offer = (waiting.offers ?? [])[0];
  facts($("#desk-card"), [
    ["why", waiting.why ? `“${waiting.why}”` : ""],
    ["about", waiting.handler],
    ["offer", offer ? `${offer.title}, ${MONEY(offer.price, offer.currency, offer.period)}, ${offer.state}` : ""],
    ["queue", waiting.queue],
  ]);
  const talk = $("#desk-talk");
  const low = talk.scrollHeight - talk.scrollTop - talk.clientHeight < 40;
  const said = messages.filter((message) => message.conversation === waiting.id).reverse();
  const before = talk.childElementCount;
  sync(talk, said.map(({id, direction, text, author, disposition, state: where}) => [id, {direction, text, author, disposition, state: where}]), drawSaid);
  if (low || talk.childElementCount !== before) talk.scrollTop = talk.scrollHeight;
  $("#desk-claim").hidden = waiting.state !== "queued";
  $("#desk-answer").hidden = waiting.state === "queued";
  $("#claim").textContent = `Claim as ${agentFor(waiting)}`;
}

function drawSaid(message) {
  const by = message.author?.kind === "agent" ? " agent" : "";
  const end = message.direction === "mt" ? ` · ${message.disposition ?? message.state}` : "";
  const who = message.direction === "mo" ? "Maya" : by ? nameOf(message.author.id) : "bot";
  return make("li", {className: message.direction + by}, message.text, make("small", {textContent: who + end}));
}

/** Who answers a queue; its own agent before a supervisor. */
function agentFor(one) {
  if (one.state !== "queued" && one.agent) return nameOf(one.agent);
  const able = agents.filter((agent) => agent.queues.includes(one.queue));
  return (able.find((agent) => agent.role === "agent") ?? able[0] ?? agents[0])?.name ?? "Ana";
}

const ANSWERS = [
  "Hi Maya, Ana here. The 120 extra minutes were calls on Nov 14 and 15. I have taken $25 off this time.",
  "You are welcome! Anything else?",
];

async function act(verb, body, told) {
  if (!shown) return;
  const {id} = shown;
  try {
    await post(`/conversations/${id}/${verb}`, {agent: agentFor(shown), ...body});
    say($("#desk-said"), told);
  } catch (problem) {
    say($("#desk-said"), problem.message, true);
  }
}

/** Where the agent's desk is: a chat client, or buttons where there is no XMPP server. */
export const deskPlace = () => ($("#chat").hidden ? "#desk" : "#chat");

/** How agents reach their desk with a client of their own, and the one in the browser. */
function startChat({accounts, host, port, missing}) {
  $("#chat").hidden = false;
  $("#desk").hidden = true;
  $("#chat-frame").hidden = Boolean(missing);
  $("#chat-missing").hidden = !missing;
  $("#chat-missing").textContent = missing ?? "";
  $("#chat .clients").open = Boolean(missing);
  if (!missing) $("#chat-frame").src = "/desk/";
  facts($("#chat-facts"), [
    ...accounts.map(({jid, password}) => [jid, make("span", {}, "password ", make("code", {textContent: password}))]),
    ["host, port", `${host}, ${port}, without TLS`],
  ]);
  $("#chat-adb").textContent = `adb reverse tcp:${port} tcp:${port}`;
  $("#chat-others").replaceChildren(...(missing ? ["not installed"] : accounts.flatMap(({name}, place) => [place ? ", " : "",
    make("a", {href: `/desk/?agent=${encodeURIComponent(name)}`, target: "_blank", rel: "noreferrer", textContent: `${name}’s desk`})])));
}

/** Wires the desk. told: what the page was told, with those who may claim. */
export function startDesk(told) {
  agents = told.agents;
  if (told.chat.accounts) return startChat(told.chat);
  $("#over").textContent = ": HTTP API and SMPP";
  $("#desk-empty").textContent += ` ${told.chat.missing}.`;
  $("#claim").onclick = () => act("claim", {}, "It is yours. Maya has noticed nothing yet.").then(() => {
    setTimeout(() => $("#answer").focus(), 700);
  });
  $("#desk-answer").onsubmit = async (event) => {
    event.preventDefault();
    const text = $("#answer").value.trim();
    if (!text) return $("#answer").focus();
    $("#answer").value = "";
    await act("messages", {text}, "Sent: look at the phone.");
  };
  $("#answer").onkeydown = (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) $("#desk-answer").requestSubmit();
  };
  let next = 0;
  $("#suggest").onclick = () => {
    $("#answer").value = ANSWERS[next++ % ANSWERS.length];
    $("#answer").focus();
  };
  $("#close").onclick = () => act("close", {disposition: $("#outcome").value}, "Closed. Its outcome is on record.");
}
