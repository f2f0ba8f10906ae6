import { useEffect, useState } from "react";
import { localTime, relativeTime, type TimeStyle, utcTime } from "../app/time";

type Props = { at: string | null | undefined; style?: TimeStyle; none?: string; relative?: boolean };

/** A time in the viewer's zone; UTC in its title. */
export function Time({ at, style, none = "–", relative }: Props) {
  const now = useNow(relative ? 30_000 : 0);
  if (!at) return <span className="muted">{none}</span>;
  return (
    <time dateTime={at} title={relative ? `${localTime(at)} · ${utcTime(at)}` : utcTime(at)}>
      {relative ? relativeTime(at, now) : localTime(at, style)}
    </time>
  );
}

/** The time now, renewed every so many milliseconds; 0 never. */
export function useNow(every: number): number {
  const [now, setNow] = useState(Date.now);
  useEffect(() => {
    if (every === 0) return;
    const timer = setInterval(() => setNow(Date.now()), every);
    return () => clearInterval(timer);
  }, [every]);
  return now;
}
