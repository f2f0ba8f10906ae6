// Paths that the server sends, as links of this console.
import { Link, useSearch } from "@tanstack/react-router";
import type { ReactNode } from "react";

const ALIASES: Record<string, string> = { "/translations": "/translation-table" };

/** `/runs?result=held` in the router's terms; anything but a path of this console leads home. */
export function parseLink(link: string): { to: string; search: Record<string, string> } {
  if (!link.startsWith("/") || link.startsWith("//")) return { to: "/", search: {} };
  const url = new URL(link, "https://console.invalid");
  return { to: ALIASES[url.pathname] ?? url.pathname, search: Object.fromEntries(url.searchParams) };
}

type Props = { link: string; className?: string; label?: string; children: ReactNode };

export function ServerLink({ link, className, label, children }: Props) {
  const { to, search } = parseLink(link);
  return (
    <Link to={to} search={search} className={className} aria-label={label}>
      {children}
    </Link>
  );
}

/** A filter that the address asks for, if it is one that the page knows. */
export function useSearchChoice<V extends string>(name: string, known: readonly V[]): V | "" {
  const search = useSearch({ strict: false }) as Record<string, unknown>;
  const value = search[name];
  return known.find((one) => one === value) ?? "";
}
