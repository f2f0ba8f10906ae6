// A refused or failed request as one kind of error, with the server's sentence.
import type { FieldError, Problem } from "./types";

export class ProblemError extends Error {
  readonly problem: Problem;

  constructor(problem: Problem) {
    super(problem.detail || problem.title);
    this.name = "ProblemError";
    this.problem = problem;
  }

  get status(): number {
    return this.problem.status;
  }

  get code(): string {
    return this.problem.code;
  }
}

/** The answer of the server as an error, whatever shape its body has. */
export function problemFrom(body: unknown, status: number, requestId: string | null): ProblemError {
  if (isProblem(body)) return new ProblemError(body);
  return new ProblemError({
    type: "urn:godwit:problem:unreadable_answer",
    title: "The answer cannot be read",
    status,
    code: "unreadable_answer",
    detail: `The server answered with status ${status} and no explanation. Its log has the cause under the request id.`,
    request_id: requestId ?? "",
  });
}

/** Whatever was thrown, as a problem that can be shown. */
export function asProblem(error: unknown): ProblemError {
  if (error instanceof ProblemError) return error;
  return new ProblemError({
    type: "urn:godwit:problem:unreachable",
    title: "The server cannot be reached",
    status: 0,
    code: "unreachable",
    detail:
      "The server did not answer. Check that it runs and that this computer can reach it, then try again.",
    request_id: "",
  });
}

/** `document.a.b[2].c` and `a.b.2.c` name the same field. */
export function fieldPath(field: string): string {
  return field
    .replace(/^document\./, "")
    .replaceAll("[", ".")
    .replaceAll("]", "");
}

/** What is wrong with one field, if anything; the first sentence wins. */
export function faultOf(error: unknown, field: string): string | undefined {
  return faultsUnder(error, field, true)[0]?.message;
}

/** Everything that is wrong at or below a path. */
export function faultsUnder(error: unknown, field: string, exactly = false): FieldError[] {
  if (!(error instanceof ProblemError)) return [];
  const wanted = fieldPath(field);
  return (error.problem.errors ?? []).filter((one) => {
    const at = fieldPath(one.field);
    return at === wanted || (!exactly && at.startsWith(`${wanted}.`));
  });
}

function isProblem(body: unknown): body is Problem {
  if (typeof body !== "object" || body === null) return false;
  const some = body as Partial<Problem>;
  return typeof some.code === "string" && typeof some.detail === "string" && typeof some.status === "number";
}
