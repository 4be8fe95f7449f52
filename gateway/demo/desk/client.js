// A small XMPP client on Strophe.js: log-in over a WebSocket, presence, chats with receipts (XEP-0184), carbons
// (XEP-0280), the archive (XEP-0313), quick responses (XEP-0439), files (XEP-0363), how long the other
// side is up (XEP-0012). All it knows of the gateway is how that marks what it answers: a line that was for itself.

import {$iq, $msg, $pres, Strophe} from "/desk/strophe.js";

const NS = {
  receipts: "urn:xmpp:receipts", carbons: "urn:xmpp:carbons:2", forward: "urn:xmpp:forward:0", mam: "urn:xmpp:mam:2",
  delay: "urn:xmpp:delay", quick: "urn:xmpp:tmp:quick-response", sid: "urn:xmpp:sid:0",
  states: "http://jabber.org/protocol/chatstates", markers: "urn:xmpp:chat-markers:0", rsm: "http://jabber.org/protocol/rsm",
  items: "http://jabber.org/protocol/disco#items", info: "http://jabber.org/protocol/disco#info", form: "jabber:x:data",
  upload: "urn:xmpp:http:upload:0", file: "jabber:x:oob", last: "jabber:iq:last", answer: "careline#answer",
};
const HEADERS = ["authorization", "cookie", "expires"]; // of a slot, and no others
const KEPT = 50;
const LONGEST_WAIT = 8000;

const child = (element, name, space) => element && [...element.children].find((one) => one.localName === name && (!space || one.namespaceURI === space));
const bare = (jid) => Strophe.getBareJidFromJid(jid ?? "");

/** The name stands in the link, which the customer reads. */
const fileName = (name) => name.normalize("NFKD").replace(/[^A-Za-z0-9._-]+/g, "-").replace(/^-+|-+(?=\.)/g, "").slice(-32) || "file";

/** One account. told: {state(words, up), message(chat, message), ticked(id), answered(id), failed(id, why)}. */
export class Client {
  constructor({jid, password}, websocket, told) {
    this.jid = jid;
    this.password = password;
    this.websocket = websocket;
    this.told = told;
    this.show = "";
    this.wait = 250;
  }

  /** Logs in, and again whenever the connection is lost. */
  connect() {
    const device = `desk-${Math.random().toString(36).slice(2, 8)}`;
    this.connection = new Strophe.Connection(this.websocket);
    this.connection.connect(`${this.jid}/${device}`, this.password, (status) => this.#status(status));
  }

  /** How much one is there: "", away, dnd. */
  be(show) {
    this.show = show;
    if (this.up) this.connection.send(show ? $pres().c("show").t(show) : $pres());
  }

  /** Sends a line of chat, or the link to a file; its id. */
  say(chat, text, link = "") {
    const id = this.connection.getUniqueId();
    const message = $msg({to: chat, type: "chat", id}).c("body").t(text).up()
      .c("request", {xmlns: NS.receipts}).up().c("active", {xmlns: NS.states}).up().c("origin-id", {xmlns: NS.sid, id});
    this.connection.send(link ? message.up().c("x", {xmlns: NS.file}).c("url").t(link) : message);
    return id;
  }

  /** Since when another is up, ms; Infinity where it is not. The answer has whole seconds, and has been on its way. */
  async began(jid) {
    const told = await this.#ask($iq({type: "get", to: jid}).c("query", {xmlns: NS.last})).catch(() => null);
    const seconds = child(told, "query", NS.last)?.getAttribute("seconds");
    return seconds ? Date.now() - Number(seconds) * 1000 : Infinity;
  }

  /** Puts a file where the server keeps them; the link to it, or an Error with words for a person. */
  async upload(file) {
    const service = await this.#uploads();
    if (!service) throw new Error("this server keeps no files");
    if (service.most && file.size > service.most) throw new Error(`more than ${Math.floor(service.most / 1048576)} MB`);
    const asked = {xmlns: NS.upload, filename: fileName(file.name), size: String(file.size), "content-type": file.type || "application/octet-stream"};
    const slot = child(await this.#ask($iq({type: "get", to: service.jid}).c("request", asked)), "slot", NS.upload);
    const put = child(slot, "put");
    const headers = [...put.children].map((one) => [one.getAttribute("name"), one.textContent]).filter(([name]) => HEADERS.includes(name.toLowerCase()));
    const answer = await fetch(put.getAttribute("url"), {method: "PUT", body: file, headers: {...Object.fromEntries(headers), "Content-Type": asked["content-type"]}})
      .catch(() => ({status: "no answer"}));
    if (!answer.ok) throw new Error(`the server did not take it (${answer.status})`);
    return child(slot, "get").getAttribute("url");
  }

  /** Who keeps files here, and how large they may be. */
  async #uploads() {
    if (this.service) return this.service;
    const found = child(await this.#ask($iq({type: "get", to: Strophe.getDomainFromJid(this.jid)}).c("query", {xmlns: NS.items})), "query", NS.items);
    for (const item of found?.children ?? []) {
      const jid = item.getAttribute("jid");
      const told = child(await this.#ask($iq({type: "get", to: jid}).c("query", {xmlns: NS.info})).catch(() => null), "query", NS.info);
      if (![...told?.children ?? []].some((one) => one.getAttribute("var") === NS.upload)) continue;
      const most = [...told.querySelectorAll("field")].find((one) => one.getAttribute("var") === "max-file-size")?.textContent;
      return this.service = {jid, most: Number(most ?? 0)};
    }
    return null;
  }

  /** What a query is answered; an Error with the server's words where it is refused. */
  #ask(query) {
    return new Promise((done, refused) => this.connection.sendIQ(query, done, (error) =>
      refused(new Error(child(child(error, "error"), "text")?.textContent || "the server does not answer")), 10000));
  }

  /** The customer sees that one writes, or no more. */
  typing(chat, writes) {
    this.connection.send($msg({to: chat, type: "chat"}).c(writes ? "composing" : "active", {xmlns: NS.states}));
  }

  #status(status) {
    const {Status} = Strophe;
    if (status === Status.CONNECTED) this.#begin();
    else if (status === Status.AUTHFAIL) this.told.state("the password is refused", false);
    else if (status === Status.DISCONNECTED || status === Status.CONNFAIL) {
      if (this.again) return;
      this.up = false;
      this.told.state("not connected, trying again …", false);
      this.again = setTimeout(() => {
        this.again = null;
        this.connect();
      }, this.wait);
      this.wait = Math.min(this.wait * 2, LONGEST_WAIT);
    }
  }

  #begin() {
    this.wait = 250;
    this.connection.addHandler((stanza) => {
      try {
        this.#stanza(stanza);
      } catch (problem) {
        console.error(problem); // one odd stanza must not end the handler
      }
      return true;
    }, null, "message");
    this.connection.sendIQ($iq({type: "set"}).c("enable", {xmlns: NS.carbons}));
    this.query = this.connection.getUniqueId();
    this.connection.sendIQ($iq({type: "set"}).c("query", {xmlns: NS.mam, queryid: this.query})
      .c("set", {xmlns: NS.rsm}).c("max").t(String(KEPT)).up().c("before"), () => this.#ready(), () => this.#ready());
  }

  /** The past is read: now one is there, and hears what comes. */
  #ready() {
    this.up = true;
    this.told.state("", true);
    this.be(this.show);
  }

  #stanza(stanza) {
    const result = child(stanza, "result", NS.mam);
    const carbon = child(stanza, "sent", NS.carbons) ?? child(stanza, "received", NS.carbons);
    const from = stanza.getAttribute("from");
    if ((result || carbon) && from && bare(from) !== this.jid) return; // only our own server forwards
    const forwarded = child(result ?? carbon, "forwarded", NS.forward);
    const message = forwarded ? child(forwarded, "message") : stanza;
    if (message) this.#read(message, child(forwarded ?? message, "delay", NS.delay), Boolean(result));
  }

  #read(message, delay, past) {
    const id = message.getAttribute("id");
    const mine = bare(message.getAttribute("from") ?? this.jid) === this.jid;
    const chat = bare(message.getAttribute(mine ? "to" : "from"));
    if (message.getAttribute("type") === "error") {
      const words = child(child(message, "error"), "text")?.textContent;
      return this.told.failed(id, words || "it did not arrive");
    }
    const answer = child(message, "answer", NS.answer);
    if (answer && !mine) this.told.answered(answer.getAttribute("id"));
    const received = child(message, "received", NS.receipts);
    if (received && !mine) return this.told.ticked(received.getAttribute("id"));
    const text = child(message, "body")?.textContent;
    if (!text || !["chat", "normal", null].includes(message.getAttribute("type"))) return;
    const choices = [...message.children].filter((one) => one.localName === "response" && one.namespaceURI === NS.quick)
      .map((one) => ({value: one.getAttribute("value"), label: one.getAttribute("label") || one.getAttribute("value")}));
    const at = new Date(delay?.getAttribute("stamp") ?? Date.now());
    this.told.message(chat, {id: id ?? this.connection.getUniqueId(), mine, text, at, choices, past});
    if (!mine && !past && child(message, "request", NS.receipts)) this.#receive(message, id);
  }

  #receive(message, id) {
    const to = message.getAttribute("from");
    this.connection.send($msg({to, type: "chat"}).c("received", {xmlns: NS.receipts, id}));
    if (document.visibilityState === "visible") this.connection.send($msg({to, type: "chat"}).c("displayed", {xmlns: NS.markers, id}));
  }
}
