import { describe, expect, it } from "vitest";
import { at, type Json } from "../../ui/form";
import { isChosen, nameOf, startingPoint, tabOf } from "./document";

const template: Json = {
  version: 1,
  general: { name: "", sources: [], target: `dir_${"0".repeat(32)}` },
  device_state: { leave: "none", join: { kind: "none" }, later: { unknown: true } },
};

describe("a new runbook", () => {
  it("begins as a move from one Active Directory to another and keeps what is unknown", () => {
    const doc = startingPoint(template);
    expect(at(doc, "device_state.leave")).toBe("active_directory");
    expect(at(doc, "device_state.join.kind")).toBe("active_directory");
    expect(at(doc, "device_state.later.unknown")).toBe(true);
  });

  it("does not take a placeholder for a directory", () => {
    expect(isChosen(at(template, "general.target"))).toBe(false);
    expect(isChosen("dir_01990c6e9c9f7b0c8f8f3c8a5a0e2d11")).toBe(true);
  });
});

describe("the place of a fault", () => {
  it("is the tab on which the field is", () => {
    expect(tabOf("document.device_state.join.join_account")).toBe("device_state");
    expect(tabOf("join_password")).toBe("device_state");
    expect(tabOf("document.completion.packages[0].sha256")).toBe("completion");
    expect(tabOf("document")).toBe("general");
  });

  it("has a name that a person understands", () => {
    expect(nameOf("document.permission_updates.ignored[1]")).toBe("Permission updates › ignored › 2");
    expect(nameOf("join_password")).toBe("Device state › join password");
  });
});
