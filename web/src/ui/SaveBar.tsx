// The end of a form: save, what went wrong, and what to do when somebody else was faster.
import { isStatus } from "../api/client";
import { Button } from "./Button";
import { ProblemNote } from "./ProblemNote";
import { text } from "./text";

type Props = {
  busy: boolean;
  saved?: boolean;
  error: unknown;
  label?: string;
  /** Reads the newest state after a lost race. */
  reload?: () => void;
  nameOf?: (field: string) => string | null;
  children?: React.ReactNode;
};

export function SaveBar({ busy, saved, error, label, reload, nameOf, children }: Props) {
  return (
    <div className="stack tight">
      {isStatus(error, 412) && reload ? (
        <div className="note warn" role="alert">
          <p>{text.staleHint}</p>
          <Button small onClick={reload}>
            {text.loadNewest}
          </Button>
        </div>
      ) : (
        <ProblemNote error={error} nameOf={nameOf} />
      )}
      <div className="row">
        <Button type="submit" look="primary" busy={busy}>
          {label ?? text.save}
        </Button>
        {children}
        <span role="status">{saved ? text.saved : ""}</span>
      </div>
    </div>
  );
}
