/** Where to go after signing in: only ever a page of this console. */
export function nextPath(search: string): string {
  const raw = new URLSearchParams(search).get("next") ?? "/";
  // The router writes values as JSON.
  const next = raw.replace(/^"|"$/g, "");
  const inside = next.startsWith("/") && !next.startsWith("//") && !next.includes("\\");
  return inside && next !== "/sign-in" ? next : "/";
}
