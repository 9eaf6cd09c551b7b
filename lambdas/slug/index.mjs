// Makes the part of a URL that stands for a title: "Grüße, 世界!" becomes "grusse-世界".

const SPELLED = { ß: "ss", æ: "ae", ø: "o", đ: "d", ł: "l" };

export const slug = (title) =>
  title
    .toLowerCase()
    .replace(/[ßæøđł]/g, (letter) => SPELLED[letter])
    .normalize("NFKD")
    .replace(/\p{Mark}/gu, "")
    .replace(/[^\p{Letter}\p{Number}]+/gu, "-")
    .replace(/^-|-$/g, "");

export const handler = async (event) => {
  if (typeof event !== "string") throw new TypeError("the event must be a string");
  return slug(event);
};
