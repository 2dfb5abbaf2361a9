// One way to ask the server, and one kind of error.

/** A parameter's value; a list is sent as the same parameter several times, null and undefined are left out. */
export type Parameter = string | number | boolean | null | undefined | readonly string[];

/** What the server said no with, or what kept it from answering. */
export class ApiError extends Error {
  readonly kind: string;
  readonly status: number;
  readonly hint: string;
  /** Where in a query: from 1. Null if it is no query's fault. */
  readonly line: number | null;
  readonly column: number | null;

  constructor(status: number, said: { [key: string]: unknown }) {
    super(
      typeof said.message === "string" ? said.message : "The server gave no answer that can be understood.",
    );
    this.kind = typeof said.error === "string" ? said.error : "Error";
    this.status = status;
    this.hint = typeof said.hint === "string" ? said.hint : "";
    this.line = typeof said.line === "number" ? said.line : null;
    this.column = typeof said.column === "number" ? said.column : null;
  }
}

export function address(path: string, parameters: { [name: string]: Parameter } = {}): string {
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(parameters)) {
    if (value === null || value === undefined) continue;
    if (typeof value === "object") for (const one of value) search.append(name, one);
    else search.append(name, typeof value === "boolean" ? String(Number(value)) : String(value));
  }
  const text = search.toString();
  return new URL(`api/${path}${text && "?"}${text}`, document.baseURI).toString();
}

async function answered(where: string, options: RequestInit): Promise<Response> {
  let response: Response;
  try {
    response = await fetch(where, { credentials: "same-origin", redirect: "error", ...options });
  } catch (error) {
    if (error instanceof DOMException && error.name === "AbortError") throw error;
    throw new ApiError(0, {
      error: "Unreachable",
      message: "The server does not answer.",
      hint: "Is `runstone up` still running?",
    });
  }
  if (!response.ok) throw new ApiError(response.status, await response.json().catch(() => ({})));
  return response;
}

export async function get<T>(
  path: string,
  parameters: { [name: string]: Parameter } = {},
  signal?: AbortSignal,
): Promise<T> {
  const response = await answered(address(path, parameters), signal ? { signal } : {});
  return (await response.json()) as T;
}

export async function getBinary(
  path: string,
  parameters: { [name: string]: Parameter },
  signal?: AbortSignal,
): Promise<ArrayBuffer> {
  return (await answered(address(path, parameters), signal ? { signal } : {})).arrayBuffer();
}

export async function post<T>(path: string, body: unknown): Promise<T> {
  const response = await answered(address(path), {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
  });
  return (await response.json()) as T;
}
