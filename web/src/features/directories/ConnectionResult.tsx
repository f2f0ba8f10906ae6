import type { ConnectionTest } from "../../api/types";
import type { Word } from "../../app/words";
import { Badge } from "../../ui/Badge";
import { text } from "./text";

const WORDS: Record<ConnectionTest["checks"][number]["outcome"], Word> = {
  ok: { label: text.outcome.ok, tone: "ok" },
  failed: { label: text.outcome.failed, tone: "bad" },
  not_run: { label: text.outcome.not_run, tone: "plain" },
};
const MARKS = { ok: ["ok", "✓"], failed: ["bad", "!"], not_run: ["", "–"] } as const;

/** The six checks of a connection test, in the order in which they can fail. */
export function ConnectionResult({ test }: { test: ConnectionTest }) {
  return (
    <section className="card" aria-live="polite">
      <h2>{text.testTitle}</h2>
      <p className={`note ${test.ok ? "ok" : "bad"}`}>
        {test.ok ? text.testOk(test.domain ?? "") : text.testFailed}
      </p>
      <ol className="steps">
        {test.checks.map((check) => {
          const [tone, mark] = MARKS[check.outcome];
          return (
            <li key={check.name} data-check={check.name} data-outcome={check.outcome}>
              <span className={`mark ${tone}`} aria-hidden="true">
                {mark}
              </span>
              <div>
                <h3>{text.checks[check.name]}</h3>
                <p className="muted wrap-anywhere">{check.message}</p>
              </div>
              <span className="state">
                <Badge word={WORDS[check.outcome]} />
              </span>
            </li>
          );
        })}
      </ol>
    </section>
  );
}
