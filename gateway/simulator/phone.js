// Phones on a page: what each received, a place to type, and news by Server-Sent Events. All text goes in by textContent.

import {measure, nameOf} from "/segments.js";
import {startPanels, tell} from "/panels.js";

const query = new URLSearchParams(location.search);
const EMBED = query.get("embed") === "1";
const ONLY = query.get("phone") ?? "";
const QUICK = ["YES", "NO", "STOP", "HELP", "AGENT"];
const $ = (selector, within = document) => within.querySelector(selector);
const same = (a, b) => a.replace(/^\+/, "") === b.replace(/^\+/, "");

const phones = new Map();
let usual = query.get("to") ?? "70007";
let header = 6;

const clock = new Intl.DateTimeFormat(undefined, {hour: "2-digit", minute: "2-digit"});
const full = new Intl.DateTimeFormat(undefined, {dateStyle: "medium", timeStyle: "medium"});

function make(tag, properties = {}, ...children) {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children);
  return element;
}

/** A text, its links to be opened, as a phone shows it. */
function linked(text) {
  return text.split(/(https?:\/\/[^\s<>"]*[^\s<>".,;:!?)])/).map((part, place) =>
    (place % 2 ? make("a", {href: part, textContent: part, target: "_blank", rel: "noopener noreferrer"}) : part));
}

const RECEIPTS = {
  accepted: ["✓", "accepted, receipt to come", "wait"],
  none: ["✓", "no receipt asked for", "wait"],
  DELIVRD: ["✓✓", "delivered: receipt sent", "good"],
  ENROUTE: ["…", "ENROUTE: receipt sent", "wait"],
  ACCEPTD: ["✓", "ACCEPTD: receipt sent", "wait"],
};

/** Mark, words and tone for a bubble's fate. */
function fate(message) {
  if (message.direction === "mo") {
    if (message.state === "sending") return ["…", "sending", "wait"];
    if (message.state === "taken") return ["✓", "taken by the gateway", "good"];
    return ["✕", message.note || "not taken", "bad"];
  }
  return RECEIPTS[message.state] ?? ["✕", `${message.state}: receipt sent`, "bad"];
}

class Phone {
  constructor(number, name) {
    this.number = number;
    this.messages = new Map();
    this.bubbles = new Map();
    this.unread = new Map();
    this.peer = "";
    this.low = true;
    this.news = null;
    this.element = $("#phone-template").content.firstElementChild.cloneNode(true);
    this.list = $(".bubbles", this.element);
    this.input = $("textarea", this.element);
    this.rename(name);
    const id = "to-" + number.replace(/\D/g, "");
    $(".start input", this.element).id = id;
    $(".start label", this.element).htmlFor = id;
    $(".chips", this.element).append(...QUICK.map((word) => make("button", {
      type: "button", className: "chip", textContent: word, onclick: () => this.send(word),
    })));
    this.listen();
    this.count();
    this.select(usual);
  }

  listen() {
    $(".edit", this.element).onclick = () => edit(this);
    $(".start", this.element).onsubmit = (event) => {
      event.preventDefault();
      const field = $(".start input", this.element);
      if (!/^(\+[0-9]{7,15}|[0-9]{3,15}|[A-Za-z0-9 .&_-]{1,11})$/.test(field.value.trim())) return field.select();
      this.select(field.value.trim());
      field.value = "";
      this.input.focus();
    };
    $(".compose", this.element).onsubmit = (event) => {
      event.preventDefault();
      this.submit();
    };
    this.input.oninput = () => this.count();
    this.input.onkeydown = (event) => {
      if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
        event.preventDefault();
        this.submit();
      }
    };
    const newest = $(".newest", this.element);
    newest.onclick = () => this.bottom();
    this.list.onscroll = () => {
      this.low = this.atBottom();
      if (this.low) newest.hidden = true;
    };
    // A panel that opens, a composer that grows: who read the newest text goes on doing so.
    new ResizeObserver(() => { if (this.low) this.bottom(); }).observe(this.list);
  }

  rename(name) {
    this.name = name;
    const shown = name || this.number;
    $("h3", this.element).textContent = shown;
    $(".who p", this.element).textContent = name ? this.number : "";
    this.element.setAttribute("aria-label", `Phone ${shown}`);
    $(".edit", this.element).setAttribute("aria-label", `Edit phone ${shown}`);
    this.input.setAttribute("aria-label", `Text message from ${shown}`);
    const avatar = $(".avatar", this.element);
    avatar.textContent = name ? [...name][0].toUpperCase() : this.number.slice(-2);
    avatar.style.setProperty("--hue", [...this.number].reduce((hue, c) => (hue * 31 + c.charCodeAt(0)) % 360, 7));
  }

  /** Read the phone anew. News that comes meanwhile is newer than the answer, so it is laid over it. */
  async load() {
    const news = this.news = new Map();
    let messages;
    try {
      messages = await (await fetch(`/phones/${encodeURIComponent(this.number)}`)).json();
    } catch {
      return;  // the stream's alarm is on, and its return loads again
    }
    if (news !== this.news) return;
    this.news = null;
    this.messages = new Map([...messages.map((message) => [message.id, message]), ...news]);
    messages = [...this.messages.values()];
    const last = messages.at(-1);
    if (last && !messages.some((message) => message.peer === this.peer)) this.peer = last.peer;
    this.select(this.peer);
  }

  take(message) {
    const fresh = !this.messages.has(message.id);
    this.messages.set(message.id, message);
    this.news?.set(message.id, message);
    while (this.messages.size > 1000) this.messages.delete(this.messages.keys().next().value);
    if (message.peer !== this.peer) {
      const talking = [...this.messages.values()].some((other) => other.peer === this.peer);
      if (!talking) return this.select(message.peer);
      if (fresh && message.direction === "mt") this.unread.set(message.peer, (this.unread.get(message.peer) ?? 0) + 1);
      return this.tabs();
    }
    const stay = this.atBottom();
    this.draw(message);
    if (stay || message.direction === "mo") this.bottom();
    else if (fresh) $(".newest", this.element).hidden = false;
    if (fresh) this.tabs();
  }

  select(peer) {
    this.peer = peer;
    this.unread.delete(peer);
    this.bubbles.clear();
    this.list.replaceChildren();
    this.list.setAttribute("aria-label", `Texts with ${peer}`);
    this.list.setAttribute("aria-live", "off");
    const mine = [...this.messages.values()].filter((message) => message.peer === peer);
    if (!mine.length) {
      this.list.append(make("li", {className: "empty"}, make("strong", {textContent: "Nothing yet"}),
        make("span", {textContent: `Texts from ${peer} show here. Or write first.`})));
    }
    mine.forEach((message) => this.draw(message));
    $(".start", this.element).hidden = true;
    $(".newest", this.element).hidden = true;
    this.tabs();
    this.bottom();
    requestAnimationFrame(() => this.list.setAttribute("aria-live", "polite"));
  }

  tabs() {
    const peers = [...new Set([this.peer, ...[...this.messages.values()].reverse().map((message) => message.peer)])].sort();
    const tabs = peers.map((peer) => {
      const waiting = this.unread.get(peer) ?? 0;
      const tab = make("button", {type: "button", className: "tab", textContent: peer, onclick: () => this.select(peer)});
      tab.setAttribute("aria-pressed", String(peer === this.peer));
      if (waiting) tab.append(make("span", {className: "badge", textContent: waiting, ariaLabel: `${waiting} new`}));
      return tab;
    });
    const plus = make("button", {type: "button", className: "tab plus", textContent: "+", title: "Text another number"});
    plus.setAttribute("aria-label", "Text another number");
    plus.onclick = () => {
      const form = $(".start", this.element);
      form.hidden = !form.hidden;
      if (!form.hidden) $("input", form).focus();
    };
    $(".tabs", this.element).replaceChildren(...tabs, plus);
  }

  draw(message) {
    const [mark, words, tone] = fate(message);
    let bubble = this.bubbles.get(message.id);
    if (!bubble) {
      $(".empty", this.list)?.remove();
      this.day(message);
      bubble = make("li", {className: `bubble ${message.direction}`}, make("p"), make("div", {className: "meta", ariaLive: "off"}));
      this.bubbles.set(message.id, bubble);
      this.list.append(bubble);
      while (this.bubbles.size > 1000) {
        const [oldest, element] = this.bubbles.entries().next().value;
        this.bubbles.delete(oldest);
        element.remove();
      }
    }
    bubble.classList.toggle("lost", message.direction === "mt" && tone === "bad");
    const text = $("p", bubble);
    if (text.textContent !== message.text) text.replaceChildren(...linked(message.text));
    const meta = [make("time", {
      textContent: clock.format(message.at), title: full.format(message.at), dateTime: new Date(message.at).toISOString(),
    })];
    if (message.total > 1) {
      const parts = message.have < message.total ? `${message.have} of ${message.total} parts` : `${message.total} parts`;
      meta.push(make("span", {textContent: parts}));
    }
    if (message.alphabet !== "GSM-7") meta.push(make("span", {textContent: message.alphabet}));
    if (message.flash) meta.push(make("span", {textContent: "flash"}));
    meta.push(make("span", {className: `fate ${tone}`, title: words},
      make("b", {textContent: mark, ariaHidden: "true"}), tone === "bad" || message.direction === "mt" && message.state !== "none"
        ? ` ${words.split(":")[0]}` : make("span", {className: "unseen", textContent: words})));
    if (message.direction === "mo" && tone === "bad") {
      meta.push(make("button", {type: "button", className: "again", textContent: "Send again", onclick: () => this.send(message.text)}));
    }
    $(".meta", bubble).replaceChildren(...meta);
  }

  day(message) {
    const day = new Date(message.at).toDateString();
    if (day === this.list.dataset.day && this.bubbles.size) return;
    this.list.dataset.day = day;
    const shown = day === new Date().toDateString() ? "Today"
      : new Intl.DateTimeFormat(undefined, {weekday: "long", day: "numeric", month: "long"}).format(message.at);
    this.list.append(make("li", {className: "day", textContent: shown}));
  }

  atBottom() {
    return this.list.scrollHeight - this.list.scrollTop - this.list.clientHeight < 60;
  }

  bottom() {
    this.list.scrollTop = this.list.scrollHeight;
  }

  count() {
    const text = this.input.value;
    const {alphabet, parts, used, room, culprit} = measure(text, header);
    const line = $(".count", this.element);
    line.replaceChildren();
    line.classList.toggle("wide", culprit !== null);
    if (text) {
      line.append(make("span", {textContent: `${used}/${room}`}), make("span", {textContent: parts === 1 ? "1 part" : `${parts} parts`}),
        make("span", {textContent: culprit === null ? alphabet : `${alphabet} because of ${nameOf(culprit)}`}));
    }
    this.input.style.height = "auto";
    this.input.style.height = `${Math.min(this.input.scrollHeight + 2, 132)}px`;
    $(".send", this.element).disabled = !text;
  }

  submit() {
    const text = this.input.value;
    if (!text) return;
    this.input.value = "";
    this.count();
    this.send(text);
  }

  async send(text) {
    try {
      const response = await fetch("/mo", {method: "POST", body: JSON.stringify({from: this.number, to: this.peer, text})});
      if (response.status === 400) tell((await response.json()).error);
    } catch {
      this.input.value ||= text;
      this.count();
      alarm(true);
    }
  }
}

function alarm(on) {
  $("#alarm").hidden = !on;
}

/** Make the phones on the page those of the list. */
function sync(listing) {
  usual = query.get("to") ?? listing.peer;
  const wanted = ONLY ? [listing.pinned.find((phone) => same(phone.number, ONLY)) ?? {number: ONLY, name: ""}] : listing.pinned;
  for (const [number, phone] of phones) {
    if (!wanted.some((other) => other.number === number)) {
      phone.element.remove();
      phones.delete(number);
    }
  }
  for (const {number, name} of wanted) {
    const known = phones.get(number);
    if (known) {
      if (known.name !== name) known.rename(name);
      continue;
    }
    const phone = new Phone(number, name);
    phones.set(number, phone);
    $("#phones").append(phone.element);
    phone.load();
  }
  $("#switcher").replaceChildren(...[...phones.values()].map((phone) => make("button", {
    type: "button", className: "chip", textContent: phone.name || phone.number,
    onclick: () => phone.element.scrollIntoView({inline: "center", block: "nearest"}),
  })));
  $("#others").hidden = !listing.others.length;
  $("#others .chips").replaceChildren(...listing.others.map(({number, messages}) => make("button", {
    type: "button", className: "chip", textContent: `${number} · ${messages}`, title: "Show this phone", onclick: () => pin(number, ""),
  })));
}

async function pin(number, name) {
  const response = await fetch("/phones", {method: "POST", body: JSON.stringify({number, name})});
  if (!response.ok) throw new Error((await response.json()).error);
}

function edit(phone) {
  const dialog = $("#phone-dialog");
  const form = $("form", dialog);
  const said = $(".said", dialog);
  const remove = $(".remove", dialog);
  form.reset();
  said.textContent = "";
  $("h2", dialog).textContent = phone ? `Phone ${phone.number}` : "Add a phone";
  form.number.value = phone?.number ?? "";
  form.number.readOnly = Boolean(phone);
  form.name.value = phone?.name ?? "";
  remove.hidden = !phone;
  remove.onclick = async () => {
    await fetch(`/phones/${encodeURIComponent(phone.number)}`, {method: "DELETE"});
    dialog.close();
  };
  $(".cancel", dialog).onclick = () => dialog.close();
  form.onsubmit = async (event) => {
    event.preventDefault();
    try {
      await pin(form.number.value.trim(), form.name.value.trim());
      dialog.close();
    } catch (problem) {
      said.textContent = problem.message;
    }
  };
  dialog.showModal();
  (phone ? form.name : form.number).focus();
}

let stream = null;
let broken = false;
function listen(rows) {
  stream?.close();
  const wanted = new URLSearchParams(ONLY ? {phone: ONLY} : {});
  if (rows) wanted.set("rows", "1");
  stream = new EventSource(`/events?${wanted}`);
  const on = (name, handle) => stream.addEventListener(name, (event) => handle(JSON.parse(event.data)));
  const reload = () => phones.forEach((phone) => phone.load());
  stream.onopen = () => {
    alarm(false);
    if (broken) reload();
    broken = false;
    if (rows) panels?.load();
  };
  stream.onerror = () => {
    broken = true;
    alarm(true);
    // A refused stream (a restarting simulator) is not tried again by the browser itself.
    if (stream.readyState === EventSource.CLOSED) setTimeout(() => listen(rows), 2000);
  };
  on("messages", (messages) => messages.forEach((message) => phones.get(message.phone)?.take(message)));
  on("phones", sync);
  on("reload", reload);
  on("state", (state) => {
    const wide = state.set.mo_long === "udh16" ? 7 : 6;
    if (wide !== header) {
      header = wide;
      phones.forEach((phone) => phone.count());
    }
    panels?.state(state);
  });
  on("rows", (batch) => panels?.rows(batch));
}

document.body.classList.toggle("embed", EMBED);
document.body.classList.toggle("single", Boolean(ONLY));
$("#add").onclick = () => edit(null);
const panels = EMBED ? null : startPanels(listen);
listen(false);
