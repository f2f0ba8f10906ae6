// Lists that come a page at a time.
import { keepPreviousData, useInfiniteQuery } from "@tanstack/react-query";
import type { ProblemError } from "./problem";
import type { Page } from "./types";

export type Pages<T> = {
  items: T[];
  total: number | undefined;
  hasMore: boolean;
  more: () => void;
  loadingMore: boolean;
  loading: boolean;
  refreshing: boolean;
  error: ProblemError | null;
};

/** All pages read so far. A changed key keeps showing the old rows until the new ones are there. */
export function usePages<T>(
  key: readonly unknown[],
  read: (cursor: string | undefined) => Promise<Page<T>>,
  refetchInterval?: number | false,
): Pages<T> {
  const query = useInfiniteQuery({
    queryKey: key,
    queryFn: ({ pageParam }) => read(pageParam),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (last: Page<T>) => last.next_cursor ?? undefined,
    placeholderData: keepPreviousData,
    refetchInterval: refetchInterval ?? false,
  });
  const pages = query.data?.pages ?? [];
  return {
    items: pages.flatMap((page) => page.items),
    total: pages[0]?.total ?? undefined,
    hasMore: query.hasNextPage,
    more: () => void query.fetchNextPage(),
    loadingMore: query.isFetchingNextPage,
    loading: query.isPending,
    refreshing: query.isPlaceholderData,
    error: query.error,
  };
}

/** Reads every page of a list that is short by nature, such as directories or runbooks. */
export async function allPages<T>(read: (cursor: string | undefined) => Promise<Page<T>>): Promise<T[]> {
  const items: T[] = [];
  let cursor: string | undefined;
  do {
    const page = await read(cursor);
    items.push(...page.items);
    cursor = page.next_cursor ?? undefined;
  } while (cursor !== undefined && items.length < 5000);
  return items;
}
