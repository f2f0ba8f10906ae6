import type { RunStep, StepState } from "../../api/types";
import { duration } from "../../app/time";
import { stepName, stepState } from "../../app/words";
import { Badge } from "../../ui/Badge";
import { Progress } from "../../ui/Progress";

const MARKS: Record<StepState, readonly [string, string]> = {
  pending: ["", "·"],
  running: ["info", "▸"],
  done: ["ok", "✓"],
  failed: ["bad", "!"],
  undone: ["", "↶"],
  skipped: ["", "–"],
};

/** The steps of a run in the order in which they happen. */
export function Steps({ steps }: { steps: RunStep[] }) {
  return (
    <ol className="steps">
      {steps.map((step) => {
        const [tone, mark] = MARKS[step.state];
        const name = stepName[step.name] ?? step.name;
        return (
          <li key={step.name} data-step={step.name} data-state={step.state}>
            <span className={`mark ${tone}`} aria-hidden="true">
              {mark}
            </span>
            <div>
              <h3>{name}</h3>
              {step.detail && <p className="muted wrap-anywhere">{step.detail}</p>}
              {step.state === "running" && <Progress label={name} done={step.done} total={step.total} />}
            </div>
            <span className="state row">
              {step.started_at && step.finished_at && (
                <span className="small muted number">{duration(step.started_at, step.finished_at)}</span>
              )}
              <Badge word={stepState[step.state]} />
            </span>
          </li>
        );
      })}
    </ol>
  );
}
