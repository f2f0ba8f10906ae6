import { describe, expect, it } from "vitest";
import { asProblem, faultOf, faultsUnder, fieldPath, ProblemError, problemFrom } from "./problem";

const refusal = problemFrom(
  {
    type: "urn:godwit:problem:document_refused",
    title: "The request means nothing useful",
    status: 422,
    code: "document_refused",
    detail: "two things are wrong",
    request_id: "01",
    errors: [
      { field: "document.device_state.rename", message: "it has more than 15 characters" },
      { field: "document.permission_updates.ignored[2]", message: "remove the empty line" },
    ],
  },
  422,
  null,
);

describe("problems", () => {
  it("keep the server's sentence, status and code", () => {
    expect(refusal).toBeInstanceOf(ProblemError);
    expect([refusal.message, refusal.status, refusal.code]).toEqual([
      "two things are wrong",
      422,
      "document_refused",
    ]);
  });

  it("find the fault of a field however its path is written", () => {
    expect(faultOf(refusal, "device_state.rename")).toBe("it has more than 15 characters");
    expect(faultOf(refusal, "permission_updates.ignored.2")).toBe("remove the empty line");
    expect(faultOf(refusal, "permission_updates.ignored.1")).toBeUndefined();
    expect(faultOf(refusal, "permission_updates")).toBeUndefined();
    expect(faultOf(null, "device_state.rename")).toBeUndefined();
  });

  it("find everything below a path, and nothing that only begins alike", () => {
    expect(faultsUnder(refusal, "permission_updates")).toHaveLength(1);
    expect(faultsUnder(refusal, "permission_up")).toHaveLength(0);
  });

  it("explain an answer that is no problem document, and no answer at all", () => {
    const strange = problemFrom("<html>", 502, "req-9");
    expect(strange.status).toBe(502);
    expect(strange.message).toContain("502");
    expect(strange.problem.request_id).toBe("req-9");
    expect(asProblem(new TypeError("Failed to fetch")).code).toBe("unreachable");
    expect(asProblem(refusal)).toBe(refusal);
  });

  it("normalise paths", () => {
    expect(fieldPath("document.a[0].b")).toBe("a.0.b");
    expect(fieldPath("documents.a")).toBe("documents.a");
  });
});
