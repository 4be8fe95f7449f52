// The start page: fires events, shows the next step, and hands what is news to the panels.

import {$, icon, make, post, say} from "/build.js";
import * as panels from "/panels.js";

const ICONS = {
  overage: ["M6 3h12v18l-3-2-3 2-3-2-3 2z", "M9.500 8h5", "M9.500 12h5"],
  flight: ["M10.500 13.500 3 11l1-2 8 1 5-5.500a1.800 1.800 0 0 1 2.600 2.600L14 12l1 8-2 1-2.500-7.500L7 17v3l-1.500 1-1-3-3-1L2.500 15.500h3z"],
  appointment: ["M5 5h14v15H5z", "M5 10h14", "M9 3v4", "M15 3v4", "m9.500 15 2 2 3.500-3.500"],
};
const GO = {
  fire: ["Fire it", () => fire("overage")],
  yes: ["Go to the phone", () => go("#phone")],
  billing: ["Look at billing", () => go("#billing")],
  why: ["Fire it again", () => fire("overage", "Now answer “why?” on the phone.")],
  claim: ["Go to the desk", () => go(panels.deskPlace())],
  answer: ["Go to the desk", () => go(panels.deskPlace())],
  offer: ["Go to the desk", () => go(panels.deskPlace())],
  close: ["Go to the desk", () => go(panels.deskPlace())],
};
const PLACE = {fire: "#story", yes: "#phone", billing: "#billing", why: "#phone"};
const MORE = [
  "Text STOP on the phone, then fire again: the timeline shows the gate that holds it back.",
  "Make billing “refuse” or “fail”, and say YES: a person takes over, or the call comes again with the same key.",
  "Log in as Ben too, in a second tab: ask for a person again, and see who is first.",
  "Fire the flight delay and answer REBOOK: billing is asked, and its answer is in the text.",
  "Open “Carrier & faults”: lose receipts, throttle, drop the link. Nothing is lost, nothing is sent twice.",
];

let setting = null;
let chosen = "overage";
let tool = "curl";
let drawnTour = null;

function go(place) {
  const target = $(place);
  target.scrollIntoView({block: "start"});
  target.focus({preventScroll: true});
  if (place === "#phone") $("#phone-frame").focus();
  if (place === "#chat") $("#chat-frame").focus();
}

function choose(name) {
  chosen = name;
  const story = setting.stories.find((other) => other.name === name);
  $("#command").textContent = story.commands[tool];
  $("#command-of").textContent = `${story.title}, from a terminal`;
  for (const button of $("#stories").children) button.classList.toggle("chosen", button.dataset.story === name);
}

async function fire(name, then = "") {
  choose(name);
  const story = setting.stories.find((other) => other.name === name);
  try {
    const {event} = await post(`/fire/${name}`);
    say($("#fired"), `202: it is on disk. ${then || `On the phone: ${story.hint}.`}`);
    $("#fired").title = `event ${event}`;
  } catch (problem) {
    say($("#fired"), problem.message, true);
  }
}

function drawStories() {
  $("#stories").replaceChildren(...setting.stories.map((story) => {
    const type = story.commands.careline.split(" ")[2];
    return make("button", {type: "button", className: "fire", "data-story": story.name, onclick: () => fire(story.name)},
      icon(...ICONS[story.name]), make("strong", {textContent: `Fire ${/^[aeiou]/i.test(story.title) ? "an" : "a"} ${story.title.toLowerCase()}`}),
      make("span", {className: "mono", textContent: type}));
  }));
}

function drawTour(done, pid) {
  const print = [...done, pid].join();
  if (print === drawnTour) return;
  drawnTour = print;
  const now = setting.tour.find((step) => !done.includes(step.name));
  const steps = setting.tour.map((step, place) => {
    const isDone = done.includes(step.name);
    const name = `step${isDone ? " done" : ""}${step === now ? " now" : ""}`;
    const [label, act] = step.name === "why" && done.length === 1 ? GO.yes : GO[step.name];
    const item = make("li", {className: name},
      make("span", {className: "number", textContent: isDone ? "✓" : String(place + 1), ariaHidden: "true"}),
      make("strong", {}, step.title, isDone ? make("span", {className: "unseen", textContent: " (done)"}) : null),
      make("p", {textContent: step.how}),
      make("div", {className: "row"}, make("button", {type: "button", className: "solid", textContent: label, onclick: act})));
    if (step === now) item.setAttribute("aria-current", "step");
    return item;
  });
  if (!now) {
    steps.push(make("li", {className: "more"}, make("strong", {textContent: "That was the whole story. Now try to break it:"}),
      make("ul", {}, ...MORE.map((words) => make("li", {textContent: words})),
        pid ? make("li", {}, "Kill the gateway: ", make("code", {textContent: `kill -9 ${pid}`}),
          ". It comes back in a second, and goes on where it was.") : null)));
  }
  $("#tour").replaceChildren(...steps);
  $("#next").hidden = !now;
  if (now) {
    $("#next-title").textContent = now.title;
    $("#next").href = PLACE[now.name] ?? panels.deskPlace();
  }
}

function drawHealth(health) {
  const reasons = health.reasons ?? [];
  const words = {ok: "Running", degraded: reasons[0] ?? "degraded", down: "The gateway does not answer"};
  const pill = $("#health");
  const text = words[health.status] ?? reasons[0] ?? "The gateway has a problem";
  if (pill.textContent !== text) pill.textContent = text;
  pill.title = reasons.join("; ");
  pill.className = `pill ${{ok: "good", degraded: "warn"}[health.status] ?? "bad"}`;
}

function draw(news) {
  if (news.phone !== setting.phone) {
    setting.phone = news.phone;
    say($("#fired"), "");
    prepare();
  }
  drawHealth(news.health);
  panels.billing(news.billing);
  if (news.health.status === "down") return;
  drawTour(news.tour, news.pid);
  panels.conversation(news.conversations);
  panels.messages(news.messages);
  panels.desk(news.conversations, news.messages);
}

function listen() {
  const stream = new EventSource("/events");
  stream.onopen = () => { $("#alarm").hidden = true; };
  stream.onmessage = (event) => draw(JSON.parse(event.data));
  stream.onerror = () => {
    $("#alarm").hidden = false;
    if (stream.readyState === EventSource.CLOSED) setTimeout(listen, 2000);
  };
}

async function copy() {
  const text = $("#command").textContent;
  try {
    await navigator.clipboard.writeText(text);
    $("#copy").textContent = "Copied";
  } catch {
    getSelection().selectAllChildren($("#command"));
    $("#copy").textContent = "Press Ctrl+C";
  }
  setTimeout(() => { $("#copy").textContent = "Copy"; }, 1600);
}

/** What is told once, and once more when a new tour has a new phone. */
async function prepare() {
  setting = await (await fetch("/setting")).json();
  $("#phone-frame").src = `${setting.phones}/?phone=${encodeURIComponent(setting.phone)}&embed=1`;
  choose(chosen);
}

async function start() {
  setting = await (await fetch("/setting")).json();
  $("#docs").href = `${setting.gateway}/docs`;
  $("#carrier").href = `${setting.phones}/`;
  panels.startDesk(setting);
  drawStories();
  drawTour([], null);
  await prepare();
  for (const button of document.querySelectorAll("[data-tool]")) {
    button.onclick = () => {
      tool = button.dataset.tool;
      for (const other of document.querySelectorAll("[data-tool]")) other.setAttribute("aria-pressed", String(other === button));
      choose(chosen);
    };
  }
  $("#copy").onclick = copy;
  $("#again").onclick = () => post("/again").catch((problem) => say($("#fired"), problem.message, true));
  $("#next").onclick = (event) => {
    event.preventDefault();
    go($("#next").getAttribute("href"));
  };
  listen();
}

start();
