// How a text becomes parts on the air: GSM 03.38 with extension, else UCS-2 (3GPP 23.038, 23.040).

const BASIC = new Set(
  "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?" +
  "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà");
const EXTENSION = new Set("\f^{}\\[~]|€");

/** Units of one character, or 0 when GSM-7 lacks it. */
const septets = (character) => BASIC.has(character) ? 1 : EXTENSION.has(character) ? 2 : 0;

/**
 * What a text costs. `headerOctets` is 6 for an 8-bit reference, 7 for a 16-bit one.
 * Returns {alphabet, parts, used, room, culprit}: units used and room in the last part, and the first character that
 * forces UCS-2 (null when none does).
 */
export function measure(text, headerOctets = 6) {
  const characters = [...text];
  const culprit = characters.find((character) => !septets(character)) ?? null;
  const sizes = characters.map((character) => culprit === null ? septets(character) : character.length);
  const whole = culprit === null ? 160 : 70;
  const each = culprit === null ? Math.floor((140 - headerOctets) * 8 / 7) : Math.floor((140 - headerOctets) / 2);
  const total = sizes.reduce((sum, size) => sum + size, 0);
  const alphabet = culprit === null ? "GSM-7" : "UCS-2";
  if (total <= whole) return {alphabet, parts: 1, used: total, room: whole, culprit};
  let parts = 1;
  let used = 0;
  for (const size of sizes) {
    if (used + size > each) {
      parts += 1;
      used = 0;
    }
    used += size;
  }
  return {alphabet, parts, used, room: each, culprit};
}

/** A character as a person can tell it: itself, and its code point, since look-alikes are the usual culprits. */
export function nameOf(character) {
  const code = "U+" + character.codePointAt(0).toString(16).toUpperCase().padStart(4, "0");
  return /[\p{C}\p{Z}\p{M}]/u.test(character) ? code : `“${character}” (${code})`;
}
