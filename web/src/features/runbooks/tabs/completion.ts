export const text = {
  packages: "Command packages",
  packagesHint:
    "Run as SYSTEM after success, in this order: tell the management tool, enrol BitLocker again, install the target's endpoint protection.",
  package: (number: number) => `Package ${number}`,
  name: "Name",
  hash: "SHA-256 of the package",
  command: "Command line",
  limit: "Time limit in seconds",
  add: "Add a package",
  remove: (number: number) => `Remove package ${number}`,
  uninstall: "Uninstall the agent at the end",
  uninstallHint:
    "Best left off: the agent still tells people what happened and finishes what takes longer. Remove it later by a runbook that does nothing else.",
};
