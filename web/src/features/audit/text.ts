export const text = {
  title: "Audit",
  lead: "Everything that was done or refused, the newest first. Entries are only ever added; refusals are counted per cause, source and hour.",
  search: "Search text",
  action: "Action begins with",
  scope: "Scope",
  scopes: { here: "This customer", all: "The whole server" },
  columns: { at: "When", actor: "Who", action: "Action", detail: "What", source: "From", count: "Times" },
  empty: "No entry fits",
  emptyText: "Search for less, or look at the whole server.",
};
