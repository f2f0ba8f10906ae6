import { useQuery } from "@tanstack/react-query";
import { api, BASE, must } from "../../api/client";
import { usePages } from "../../api/pages";
import type {
  Explanation,
  Id,
  ObjectKind,
  Page,
  TranslationCounts,
  TranslationRow,
  TranslationState,
} from "../../api/types";
import { useCustomer } from "../../app/session";

export type Filter = { q: string; state: TranslationState | ""; kind: ObjectKind | ""; profile: Id | "" };

/** Only what was chosen; an empty choice is no filter. */
export function queryOf(filter: Filter) {
  return {
    q: filter.q || undefined,
    state: filter.state || undefined,
    kind: filter.kind || undefined,
    profile_id: filter.profile || undefined,
  };
}

export function csvAddress(customer: Id, filter: Filter): string {
  const query = new URLSearchParams();
  for (const [key, value] of Object.entries(queryOf(filter))) if (value) query.set(key, value);
  const words = query.toString();
  return `${BASE}/customers/${encodeURIComponent(customer)}/translations.csv${words ? `?${words}` : ""}`;
}

export function useTranslations(filter: Filter) {
  const customer = useCustomer();
  return usePages([customer, "translations", filter], (cursor) =>
    must<Page<TranslationRow>>(
      api.GET("/customers/{customer}/translations", {
        params: { path: { customer }, query: { ...queryOf(filter), cursor, limit: 100 } },
      }),
    ),
  );
}

export function useTranslationCounts() {
  const customer = useCustomer();
  return useQuery({
    queryKey: [customer, "translations", "counts"],
    queryFn: () =>
      must<TranslationCounts>(
        api.GET("/customers/{customer}/translations/counts", { params: { path: { customer } } }),
      ),
  });
}

export function useExplanation(object: Id, profile_id: Id) {
  const customer = useCustomer();
  return useQuery({
    queryKey: [customer, "translations", "explanation", object, profile_id],
    queryFn: () =>
      must<Explanation>(
        api.GET("/customers/{customer}/translations/{object}/explanation", {
          params: { path: { customer, object }, query: { profile_id } },
        }),
      ),
  });
}
