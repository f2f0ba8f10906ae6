// The sentence of a problem, with the fields it names.
import { asProblem, fieldPath } from "../api/problem";
import { text } from "./text";

type Props = {
  error: unknown;
  /** Turns a field's path into what a person calls it; null hides it because it is shown beside its field. */
  nameOf?: (field: string) => string | null;
};

export function ProblemNote({ error, nameOf }: Props) {
  if (!error) return null;
  const { problem } = asProblem(error);
  const errors = problem.errors ?? [];
  const several = errors.length > 1 || errors.some((one) => one.message !== problem.detail);
  return (
    <div className="note bad" role="alert">
      <strong>{problem.title}</strong>
      {!(several && errors.every((one) => problem.detail.includes(one.message))) && <p>{problem.detail}</p>}
      {several && (
        <ul>
          {errors.map((one) => {
            const name = nameOf ? nameOf(fieldPath(one.field)) : fieldPath(one.field);
            return (
              <li key={`${one.field}${one.message}`}>
                {name && <strong>{name}: </strong>}
                {one.message}
              </li>
            );
          })}
        </ul>
      )}
      {problem.request_id && problem.status >= 500 && (
        <p className="small muted">{text.requestId(problem.request_id)}</p>
      )}
    </div>
  );
}
