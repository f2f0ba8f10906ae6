// What all answers of the made-up server share.

export class Refusal extends Error {
  constructor(status, code, detail, errors = []) {
    super(detail);
    Object.assign(this, { status, code, errors });
  }
}
export const missing = () => new Refusal(404, "not_found", "there is no such thing");
export const find = (list, id) => {
  const found = list.find((one) => one.id === id);
  if (!found) throw missing();
  return found;
};
export const whole = (items) => ({ items, total: items.length });
export const has = (text, q) => !q || JSON.stringify(text).toLowerCase().includes(q.toLowerCase());
export function page(items, query) {
  const limit = Number(query.get("limit") ?? 100);
  const from = Number(query.get("cursor") ?? 0);
  const next = from + limit < items.length ? String(from + limit) : undefined;
  return { items: items.slice(from, from + limit), next_cursor: next, total: items.length };
}
export const C = "/customers/:customer";
