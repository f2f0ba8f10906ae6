// Labelled inputs that show what is wrong with them beside them.
import { type HTMLInputTypeAttribute, type ReactNode, useId } from "react";
import { text } from "./text";

type Common = {
  label: string;
  hint?: ReactNode;
  fault?: string;
  required?: boolean;
  disabled?: boolean;
  /** The label is for screen readers only, because the place says it already. */
  bare?: boolean;
};

function Frame({ id, label, hint, fault, bare, children }: Common & { id: string; children: ReactNode }) {
  return (
    <div className="field">
      <label htmlFor={id} className={bare ? "hidden-visually" : undefined}>
        {label}
      </label>
      {children}
      {hint && (
        <div className="hint" id={`${id}-hint`}>
          {hint}
        </div>
      )}
      {fault && (
        <div className="fault" id={`${id}-fault`}>
          {fault}
        </div>
      )}
    </div>
  );
}

function wiring(id: string, { hint, fault, required, disabled }: Common) {
  const described = [hint && `${id}-hint`, fault && `${id}-fault`].filter(Boolean).join(" ");
  return {
    id,
    "aria-describedby": described || undefined,
    "aria-invalid": fault ? true : undefined,
    required,
    disabled,
  } as const;
}

type TextProps = Common & {
  value: string;
  onChange: (value: string) => void;
  type?: HTMLInputTypeAttribute;
  autoComplete?: string;
  placeholder?: string;
  min?: number;
  max?: number;
  mono?: boolean;
};

export function TextField(props: TextProps) {
  const id = useId();
  return (
    <Frame id={id} {...props}>
      <input
        {...wiring(id, props)}
        className={props.mono ? "input mono" : "input"}
        type={props.type ?? "text"}
        value={props.value}
        autoComplete={props.autoComplete ?? "off"}
        placeholder={props.placeholder}
        min={props.min}
        max={props.max}
        spellCheck={false}
        onChange={(event) => props.onChange(event.target.value)}
      />
    </Frame>
  );
}

type NumberProps = Common & { value: number; onChange: (value: number) => void; min?: number; max?: number };

export function NumberField({ value, onChange, ...rest }: NumberProps) {
  return (
    <TextField
      {...rest}
      type="number"
      value={Number.isNaN(value) ? "" : String(value)}
      onChange={(typed) => onChange(typed === "" ? Number.NaN : Number(typed))}
    />
  );
}

type AreaProps = Common & {
  value: string;
  onChange: (value: string) => void;
  rows?: number;
  mono?: boolean;
  placeholder?: string;
};

export function AreaField(props: AreaProps) {
  const id = useId();
  return (
    <Frame id={id} {...props}>
      <textarea
        {...wiring(id, props)}
        className={props.mono ? "input mono" : "input"}
        rows={props.rows ?? 5}
        value={props.value}
        placeholder={props.placeholder}
        spellCheck={false}
        onChange={(event) => props.onChange(event.target.value)}
      />
    </Frame>
  );
}

export type Option<V extends string> = { value: V; label: string };
type SelectProps<V extends string> = Common & {
  value: V | "";
  onChange: (value: V) => void;
  options: readonly Option<V>[];
  /** The words of the empty choice; without them there is none once something is chosen. */
  empty?: string;
};

export function SelectField<V extends string>(props: SelectProps<V>) {
  const id = useId();
  return (
    <Frame id={id} {...props}>
      <select
        {...wiring(id, props)}
        className="input"
        value={props.value}
        onChange={(event) => props.onChange(event.target.value as V)}
      >
        {(props.empty !== undefined || props.value === "") && (
          <option value="">{props.empty ?? text.choose}</option>
        )}
        {props.options.map((option) => (
          <option key={option.value} value={option.value}>
            {option.label}
          </option>
        ))}
      </select>
    </Frame>
  );
}

type CheckProps = Common & { checked: boolean; onChange: (checked: boolean) => void };

export function CheckField(props: CheckProps) {
  const id = useId();
  return (
    <div className="check">
      <input
        {...wiring(id, props)}
        type="checkbox"
        checked={props.checked}
        onChange={(event) => props.onChange(event.target.checked)}
      />
      <label htmlFor={id}>{props.label}</label>
      {props.hint && (
        <div className="hint" id={`${id}-hint`}>
          {props.hint}
        </div>
      )}
      {props.fault && (
        <div className="hint fault" id={`${id}-fault`}>
          {props.fault}
        </div>
      )}
    </div>
  );
}

export type Choice<V extends string> = { value: V; label: string; hint?: ReactNode; disabled?: boolean };
type ChoiceProps<V extends string> = Omit<Common, "bare"> & {
  value: V | null;
  onChange: (value: V) => void;
  choices: readonly Choice<V>[];
};

/** One of a few, each explained. */
export function ChoiceField<V extends string>(props: ChoiceProps<V>) {
  const id = useId();
  return (
    <fieldset aria-describedby={props.fault ? `${id}-fault` : undefined}>
      <legend>{props.label}</legend>
      {props.hint && <div className="hint">{props.hint}</div>}
      {props.choices.map((choice, at) => (
        <div className="choice check" key={choice.value}>
          <input
            id={`${id}-${at}`}
            type="radio"
            name={id}
            checked={props.value === choice.value}
            disabled={props.disabled || choice.disabled}
            required={props.required}
            aria-describedby={choice.hint ? `${id}-${at}-hint` : undefined}
            onChange={() => props.onChange(choice.value)}
          />
          <label htmlFor={`${id}-${at}`}>{choice.label}</label>
          {choice.hint && (
            <div className="hint" id={`${id}-${at}-hint`}>
              {choice.hint}
            </div>
          )}
        </div>
      ))}
      {props.fault && (
        <div className="fault" id={`${id}-fault`}>
          {props.fault}
        </div>
      )}
    </fieldset>
  );
}
