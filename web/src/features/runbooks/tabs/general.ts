export const text = {
  name: "Name",
  description: "Description",
  sources: "Source directories",
  sourcesHint: "A device may come from any of them.",
  noDirectories: "Add and save directories first.",
  target: "Target directory",
  targetHint: "Exactly one.",
  server: "Allow on Windows Server",
  serverHint: "Off: a server edition refuses this runbook.",
  prerequisites: "Prerequisite runbooks",
  prerequisitesHint: "They must have finished on the same device before this one begins.",
  noPrerequisites: "There is no other runbook.",
};
