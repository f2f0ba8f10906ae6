// Lists that come a page at a time.
import { keepPreviousData, useInfiniteQuery } from "@tanstack/react-query";
import { must } from "./client";
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

/** The rows of a list that is never long and comes as one page, such as directories or runbooks. */
export async function whole<T>(call: Parameters<typeof must<Page<T>>>[0]): Promise<T[]> {
  return (await must<Page<T>>(call)).items;
}
