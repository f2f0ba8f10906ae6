export const text = {
  title: "Guide",
  lead: "From a new server to the first migrated device, and from there to the fleet. Steps are judged from what is really there.",
  preparation: "Before you begin",
  preparationLead:
    "What decides whether devices land well lies outside of Godwit. Tick what you have seen to.",
  steps: "The eight steps",
  checkpoint: "Testing checkpoint",
  checkpointLead:
    "Between the first device and the fleet: prove it on representative devices, then on a pilot batch.",
  state: { done: "Done", to_do: "To do", blocked: "Waits for an earlier step" },
  next: "Next",
  open: "Go there",
  tickedBy: (who: string) => `Ticked by ${who}`,
  progress: (done: number, all: number) => `${done} of ${all} done`,
};
