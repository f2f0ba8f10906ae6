// The one way in which the console speaks to the server.
import createClient from "openapi-fetch";
import { asProblem, ProblemError, problemFrom } from "./problem";
import type { paths } from "./schema.generated";

/** Paths as `docs/api.md` writes them, without the base path. */
type Relative<P> = { [K in keyof P as K extends `/api/v1${infer Rest}` ? Rest : never]: P[K] };

export const BASE = "/api/v1";
export const api = createClient<Relative<paths>>({ baseUrl: BASE, credentials: "same-origin" });

api.use({
  onRequest({ request }) {
    if (request.method !== "GET" && request.method !== "HEAD") request.headers.set("Godwit-Console", "1");
    return request;
  },
});

type Answer<T> = { data?: T; error?: unknown; response: Response };

/** The body of a good answer; everything else is thrown as a `ProblemError`. */
export async function must<T>(call: Promise<Answer<T>>): Promise<T> {
  let answer: Answer<T>;
  try {
    answer = await call;
  } catch (error) {
    throw asProblem(error);
  }
  if (!answer.response.ok) {
    throw problemFrom(answer.error, answer.response.status, answer.response.headers.get("Godwit-Request-Id"));
  }
  return answer.data as T;
}

/** The header that says which version a change is meant for. */
export function ifMatch(version: number): { "If-Match": string } {
  return { "If-Match": `"${version}"` };
}

export function isStatus(error: unknown, status: number): boolean {
  return error instanceof ProblemError && error.status === status;
}
