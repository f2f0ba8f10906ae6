// Words of the shared parts.
export const text = {
  requestId: (id: string) => `Request ${id}`,
  more: "Load more",
  shown: (shown: number, total: number | undefined) =>
    total === undefined ? `${shown} shown` : `${shown} of ${total} shown`,
  search: "Search",
  all: "All",
  none: "None",
  cancel: "Cancel",
  close: "Close",
  copy: "Copy",
  copied: "Copied",
  working: "Working…",
  save: "Save",
  saved: "Saved.",
  remove: "Remove",
  addLine: "Add a line",
  line: (label: string, number: number) => `${label}, line ${number}`,
  choose: "Choose…",
  staleHint:
    "Somebody else changed this meanwhile. Load the newest state; what you typed here is lost by that.",
  loadNewest: "Load the newest state",
};
