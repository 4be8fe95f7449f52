// The desk: an agent's chats. `/desk/?agent=NAME` says whose; without, the first agent's.

import {$, linked, make} from "/build.js";
import {Client} from "/desk/client.js";

const DESK = "[desk]";
const LOOK_MS = 3000;
/** Nobody is told that one writes what may be for the desk; which it was, the gateway says. */
const isWords = (text) => /^\s*[\p{L}\p{N}]/u.test(text);
const clock = new Intl.DateTimeFormat(undefined, {hour: "2-digit", minute: "2-digit", hourCycle: "h23"});
const ANSWERS = [
  "Hi Maya, {me} here. Those 120 minutes were calls on two evenings. With Unlimited they cost nothing extra. Shall I offer it?",
  "You are welcome, Maya. Anything else?",
];

const chats = new Map();
let client = null;
let setting = null;
let account = null;
let open = null;
let suggested = 0;

const nameOf = (chat) => (chat === setting.chat.desk ? "The desk" : chat.split("@")[0]);

function chatOf(jid) {
  if (!chats.has(jid)) chats.set(jid, {jid, lines: new Map(), unread: 0, last: 0, waits: false, draft: ""});
  return chats.get(jid);
}

/** A line of chat as it comes, now or from the archive. */
function take(jid, message) {
  const chat = chatOf(jid);
  if (chat.lines.has(message.id)) return;
  const desk = !message.mine && (jid === setting.chat.desk || message.text.startsWith(DESK));
  chat.lines.set(message.id, {...message, desk, tick: "", why: "", answered: false});
  chat.last = Math.max(chat.last, message.at.getTime());
  if (message.choices.length) chat.waits = true;
  else if (message.mine || /^\[desk\] (you have|closed|time is up|passed on)/.test(message.text)) chat.waits = false;
  if (!message.mine && !message.past && chat !== open) chat.unread += 1;
  if (message.past) return; // drawn when all of it is here
  if (!open) choose(jid); // else what is typed now would go to somebody else
  else draw();
}

/** What became of a line: {tick, why}, {answered}. */
function mark(id, became) {
  for (const chat of chats.values()) {
    const line = chat.lines.get(id);
    if (line) Object.assign(line, {tick: line.tick === "doubt" ? "" : line.tick}, became);
  }
  draw();
}

/** Own lines of which nothing was heard. */
const unheard = () => [...chats.values()].flatMap((chat) => [...chat.lines.values()]).filter((line) => line.mine && !line.tick && !line.answered);

/** Lines that may have been lost with a connection that carried them; what is heard of one later counts. */
function doubt(before = Infinity) {
  for (const line of unheard()) if (line.at.getTime() < before) line.tick = "doubt";
}

/** Whether the desk was away since the lines that it has not answered for. */
async function look() {
  if (!client.up || !unheard().length) return;
  const now = Date.now();
  const began = await client.began(setting.chat.desk);
  if (!client.up) return;
  doubt(Math.min(began, now));
  draw();
}

function choose(jid) {
  if (open) open.draft = $("#words").value;
  open = chatOf(jid);
  open.unread = 0;
  $("#words").value = open.draft;
  grow();
  draw();
}

function say(text) {
  const words = text.trimEnd(); // a blank before it says that it is for the customer
  if (!words || !open || !client.up) return;
  const id = client.say(open.jid, words);
  take(open.jid, {id, mine: true, text: words, at: new Date(), choices: [], past: false});
  $("#talk").scrollTop = $("#talk").scrollHeight;
}

/** A file goes to the customer as a link. */
async function sendFile(file) {
  const chat = open;
  $("#attach").disabled = true;
  try {
    const link = await client.upload(file);
    take(chat.jid, {id: client.say(chat.jid, link, link), mine: true, text: link, at: new Date(), choices: [], past: false});
  } catch (problem) {
    const id = `file-${chats.size}-${Date.now()}`;
    take(chat.jid, {id, mine: true, text: file.name, at: new Date(), choices: [], past: false});
    mark(id, {tick: "failed", why: problem.message});
  }
  $("#attach").disabled = false;
}

// -- what is seen

/** The text of a card or an answer of the desk; lines of "--" become rules, with the words behind them. */
function deskWords(text) {
  const [head, ...rest] = text.replace(DESK, "").trim().split("\n");
  const row = (line) => make("span", {className: "row-line", textContent: line});
  const parts = rest.flatMap((line) => (line === "--" ? [make("hr")] : line.startsWith("-- ") ? [make("hr"), row(line.slice(3))] : [row(line)]));
  return [make("strong", {className: "row-line", textContent: head}), ...parts];
}

function drawLine(line, chat) {
  const kind = line.desk ? "ours" : line.mine ? (line.answered ? "mine verb" : "mine") : "theirs";
  const tick = {
    ticked: line.answered ? "✓ done" : "✓✓ on the phone", failed: `✕ not delivered: ${line.why}`,
    doubt: "? not confirmed: look at .card before you send it again",
  }[line.tick] ?? "";
  const foot = make("small", {}, clock.format(line.at), tick ? make("span", {className: `tick ${line.tick}`, textContent: ` ${tick}`}) : null);
  const words = line.desk ? deskWords(line.text) : linked(line.text);
  const answers = chat.waits && line === lastCard(chat) ? [make("div", {className: "quick"}, ...line.choices.map((choice, place) =>
    make("button", {type: "button", className: place ? "quiet" : "solid", textContent: choice.label, onclick: () => say(choice.value)})))] : [];
  return make("li", {className: `${kind}${line.tick === "failed" ? " lost" : ""}`}, ...words, ...answers, foot);
}

const lastCard = (chat) => [...chat.lines.values()].filter((line) => line.choices.length).at(-1);

function drawChats() {
  const listed = [...chats.values()].sort((one, other) => other.last - one.last).slice(0, 12);
  $("#chats").hidden = listed.length < 2;
  $("#chats").replaceChildren(...listed.map((chat) => {
    const button = make("button", {type: "button", className: chat.waits ? "waits" : "", onclick: () => choose(chat.jid)},
      nameOf(chat.jid), chat.unread ? make("b", {textContent: String(chat.unread)}) : null);
    button.setAttribute("aria-pressed", String(chat === open));
    return button;
  }));
}

function draw() {
  drawChats();
  $("#empty").hidden = Boolean(open);
  $("#writing").hidden = !open;
  if (!open) return;
  const talk = $("#talk");
  const low = talk.chat !== open.jid || talk.scrollHeight - talk.scrollTop - talk.clientHeight < 60;
  talk.chat = open.jid;
  const lines = [...open.lines.values()].sort((one, other) => one.at - other.at);
  talk.replaceChildren(...lines.map((line) => drawLine(line, open)));
  if (low) talk.scrollTop = talk.scrollHeight;
}

function drawShortcuts() {
  const {offers, dispositions} = setting.chat;
  const ending = dispositions.includes("resolved") ? "resolved" : dispositions[0];
  const lines = [...offers.slice(0, 1).map((offer) => `.offer ${offer.name}`), `.close ${ending}`, ".card", ".help"];
  const suggest = make("button", {type: "button", textContent: "Suggest an answer", onclick: () => {
    $("#words").value = ANSWERS[suggested++ % ANSWERS.length].replace("{me}", account.name);
    grow();
    $("#words").focus();
  }});
  $("#shortcuts").replaceChildren(suggest, ...lines.map((line) =>
    make("button", {type: "button", className: "mono", textContent: line, onclick: () => say(line)})));
}

function grow() {
  const words = $("#words");
  words.rows = 1;
  while (words.rows < 5 && words.scrollHeight > words.clientHeight + 2) words.rows += 1;
}

function wire() {
  let writes = false;
  const stop = () => {
    if (writes && open) client.typing(open.jid, false);
    writes = false;
  };
  $("#composer").onsubmit = (event) => {
    event.preventDefault();
    writes = false;
    if (!client.up) return;
    say($("#words").value);
    $("#words").value = "";
    grow();
  };
  $("#attach").onclick = () => $("#file").click();
  $("#file").onchange = () => {
    const [file] = $("#file").files;
    $("#file").value = "";
    if (file && open && open.jid !== setting.chat.desk && client.up) sendFile(file);
  };
  $("#words").onkeydown = (event) => {
    if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    $("#composer").requestSubmit();
  };
  $("#words").oninput = () => {
    grow();
    const now = isWords($("#words").value);
    if (now === writes || !open || !client.up) return;
    writes = now;
    client.typing(open.jid, now);
  };
  $("#words").onblur = stop;
  $("#show").onchange = () => {
    client.be($("#show").value);
    $("#face").dataset.show = $("#show").value || "up";
  };
}

async function start() {
  setting = await (await fetch("/setting")).json();
  const wanted = new URLSearchParams(location.search).get("agent")?.toLowerCase();
  account = setting.chat.accounts.find((one) => one.name.toLowerCase() === wanted) ?? setting.chat.accounts[0];
  $("#name").textContent = account.name;
  $("#face").textContent = account.name[0];
  document.title = `${account.name}’s desk`;
  client = new Client(account, setting.chat.websocket, {
    state: (words, up) => {
      $("#state").textContent = words || account.jid;
      $("#face").dataset.show = up ? $("#show").value || "up" : "down";
      doubt();
      const newest = [...chats.values()].sort((one, other) => other.last - one.last)[0];
      if (up && newest && !open) choose(newest.jid);
      else draw();
    },
    message: take,
    ticked: (id) => mark(id, {tick: "ticked"}),
    answered: (id) => mark(id, {answered: true}),
    failed: (id, why) => mark(id, {tick: "failed", why}),
  });
  drawShortcuts();
  wire();
  client.connect();
  setInterval(look, LOOK_MS);
}

start();
