// Lines of agents in their own box; a live region, so that new lines are announced.
import { Link } from "@tanstack/react-router";
import type { Pages } from "../../api/pages";
import type { AgentLogLine } from "../../api/types";
import { logText, severity } from "../../app/words";
import { Badge } from "../../ui/Badge";
import { Button } from "../../ui/Button";
import { Loading } from "../../ui/Loading";
import { ProblemNote } from "../../ui/ProblemNote";
import { Time } from "../../ui/Time";
import { text } from "./text";

type Props = { label: string; logs: Pages<AgentLogLine>; empty: string; withDevice?: boolean };

export function LogView({ label, logs, empty, withDevice }: Props) {
  if (logs.error) return <ProblemNote error={logs.error} />;
  if (logs.loading) return <Loading />;
  if (logs.items.length === 0) return <p className="muted">{empty}</p>;
  return (
    <div className="stack tight">
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: a box that scrolls must be reachable by keyboard. */}
      <div className="log" role="log" aria-label={label} tabIndex={0}>
        <ol>
          {logs.items.map((line) => (
            <li key={`${line.device_id} ${line.seq}`} data-code={line.code}>
              <Time at={line.at} style="log" />
              <span>
                <Badge word={severity[line.severity]} />
              </span>
              <span className="wrap-anywhere">
                {withDevice && (
                  <>
                    <Link to={`/devices/${line.device_id}`}>{line.device_name}</Link>:{" "}
                  </>
                )}
                {logText(line)} <span className="muted small">({line.code})</span>
              </span>
            </li>
          ))}
        </ol>
      </div>
      {logs.hasMore && (
        <div>
          <Button busy={logs.loadingMore} onClick={logs.more}>
            {text.more}
          </Button>
        </div>
      )}
    </div>
  );
}
