// Small things that the page is built with. Text goes in by textContent only: nothing here takes HTML.

export const $ = (selector, within = document) => within.querySelector(selector);

/** An element; what is given as a string becomes a text node. */
export function make(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name in element) element[name] = value;
    else element.setAttribute(name, value);
  }
  element.append(...children.filter((child) => child !== null && child !== ""));
  return element;
}

/** A text, its links to be opened. */
export function linked(text) {
  return text.split(/(https?:\/\/[^\s<>"]*[^\s<>".,;:!?)])/).map((part, place) =>
    (place % 2 ? make("a", {href: part, textContent: part, target: "_blank", rel: "noopener noreferrer"}) : part));
}

const SVG = "http://www.w3.org/2000/svg";

/** A line drawing from path data of our own. */
export function icon(...paths) {
  const drawing = document.createElementNS(SVG, "svg");
  drawing.setAttribute("viewBox", "0 0 24 24");
  drawing.setAttribute("aria-hidden", "true");
  for (const data of paths) {
    const path = document.createElementNS(SVG, "path");
    path.setAttribute("d", data);
    drawing.append(path);
  }
  return drawing;
}

const clock = new Intl.DateTimeFormat(undefined, {hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23"});

/** The time of day of an RFC 3339 text. */
export function at(text) {
  const when = new Date(text);
  return make("time", {dateTime: text, title: when.toLocaleString(), textContent: clock.format(when)});
}

/** Term and description, for each that has one. */
export function facts(list, rows) {
  list.replaceChildren(...rows.filter(([, value]) => value).flatMap(([name, value]) => [
    make("dt", {textContent: name}), make("dd", {}, value),
  ]));
}

/**
 * Makes the children of a list those of the items: an element is drawn anew only when its item changed, so that what
 * somebody opened stays open and what they read stays where it is.
 */
export function sync(list, items, draw) {
  const known = list.drawn ?? new Map();
  const next = new Map();
  const first = list.drawn === undefined;
  for (const [key, item] of items) {
    const print = JSON.stringify(item);
    let held = known.get(key);
    if (!held || held.print !== print) {
      const open = held ? held.element.open || $("details", held.element)?.open : undefined;
      const element = draw(item, held?.element);
      if (open !== undefined) ("open" in element ? element : $("details", element) ?? {}).open = open;
      if (!held && !first) element.classList.add("fresh");
      const focused = held?.element.contains(document.activeElement);
      held?.element.replaceWith(element);
      if (focused) $("summary, button", element)?.focus();
      held = {print, element};
    }
    next.set(key, held);
  }
  for (const [key, {element}] of known) if (!next.has(key)) element.remove();
  let place = list.firstElementChild;
  for (const {element} of next.values()) {
    if (element === place) place = place.nextElementSibling;
    else list.insertBefore(element, place);
  }
  list.drawn = next;
}

/** Posts to the page's own server; the answer, or an Error with its words. */
export async function post(path, body = {}) {
  let response;
  try {
    response = await fetch(path, {method: "POST", headers: {"Content-Type": "application/json"}, body: JSON.stringify(body)});
  } catch {
    throw new Error("The demo does not answer.");
  }
  const answer = await response.json().catch(() => ({}));
  if (!response.ok) throw new Error(answer.detail || `status ${response.status}`);
  return answer;
}

/** Says how something went, next to where it was asked for. */
export function say(element, text, bad = false) {
  element.textContent = text;
  element.classList.toggle("bad", bad);
}
