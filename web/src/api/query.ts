// How answers are kept, and what happens when a session has ended.
import { MutationCache, QueryCache, QueryClient } from "@tanstack/react-query";
import { asProblem, type ProblemError } from "./problem";

declare module "@tanstack/react-query" {
  interface Register {
    defaultError: ProblemError;
  }
}

export const SESSION_KEY = ["session"] as const;

function ended(error: unknown) {
  if (asProblem(error).status === 401) void queryClient.invalidateQueries({ queryKey: SESSION_KEY });
}

export const queryClient: QueryClient = new QueryClient({
  queryCache: new QueryCache({
    onError: (error, query) => {
      if (query.queryKey[0] !== SESSION_KEY[0]) ended(error);
    },
  }),
  mutationCache: new MutationCache({
    onError: (error, _variables, _result, mutation) => {
      if (mutation.options.mutationKey?.[0] !== "sign-in") ended(error);
    },
  }),
  defaultOptions: {
    queries: {
      staleTime: 10_000,
      retry: (count, error) => {
        const { status } = asProblem(error);
        return (status === 0 || status >= 500) && count < 2;
      },
    },
    mutations: { retry: false },
  },
});
