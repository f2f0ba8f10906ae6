export const text = {
  title: "Agent logs",
  lead: "What agents report while they work, as it arrives, the newest first.",
  search: "Search text",
  severity: "At least",
  all: "All",
  severities: { info: "Info", warning: "Warnings", error: "Errors" },
  label: "Agent log, newest first",
  empty: "No line fits. Lines appear here as agents report them.",
  more: "Load older lines",
};
