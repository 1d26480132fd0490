import { readFileSync } from 'node:fs'
import { Ajv2020, type ErrorObject, type ValidateFunction } from 'ajv/dist/2020.js'

// biome-ignore lint/suspicious/noExplicitAny: a specification is plain JSON.
type Any = any

export interface Operation {
  readonly method: string
  /** With its parameters as `{}`: names differ between documents. */
  readonly path: string
}

/** Where something does not fit the document. */
export interface Mismatch {
  /** `POST /collections/{}/points`; the path as it was sent when the document does not have it. */
  readonly operation: string
  readonly part: 'request' | 'answer'
  /** JSON pointer into the body; `?name` of a query parameter, `:name` of a part of the path; empty for the whole. */
  readonly at: string
  readonly reason: string
}

/** The hyphens are optional, as Qdrant has it. */
const UUID = /^(?:urn:uuid:)?[0-9a-f]{8}(-?)[0-9a-f]{4}\1[0-9a-f]{4}\1[0-9a-f]{4}\1[0-9a-f]{12}$/i

/**
 * Holds requests and answers to an OpenAPI document, 3.0 or 3.1.
 * 1. A 3.0 `nullable` becomes a type or alternative `null`; taken literally, validators would let anything pass.
 * 2. Of formats only `uuid` is checked, and only when asked for: ranges of integers are in the schemas themselves.
 */
export class Specification {
  readonly #document: Any
  readonly #ajv: Ajv2020
  readonly #made = new Map<string, ValidateFunction>()

  constructor(document: Any, options: { readonly checksUuids: boolean } = { checksUuids: false }) {
    this.#document = withNull(structuredClone(document))
    this.#ajv = new Ajv2020({ strict: false, validateFormats: options.checksUuids, logger: false })
    if (options.checksUuids) this.#ajv.addFormat('uuid', UUID)
    this.#ajv.addSchema({ $id: 'spec', components: this.#document.components })
  }

  static qdrant(options?: { readonly checksUuids: boolean }): Specification {
    const file = new URL('fixtures/qdrant-openapi-1.18.3.json', import.meta.url)
    return new Specification(JSON.parse(readFileSync(file, 'utf8')), options)
  }

  get operations(): Operation[] {
    return Object.entries<Any>(this.#document.paths).flatMap(([path, methods]) =>
      Object.keys(methods).map((method) => ({ method: method.toUpperCase(), path: shapeOf(path) })),
    )
  }

  has(method: string, url: string): boolean {
    return this.#find(method, url) !== undefined
  }

  /** `METHOD path` with `{}` for what the document leaves open; the path itself when it does not have the operation. */
  operation(method: string, url: string): string {
    return `${method} ${shapeOf(this.#find(method, url)?.path ?? pathOf(url))}`
  }

  /** What is wrong with a request's parameters or JSON body; `undefined` if nothing is, or the operation is not here. */
  request(method: string, url: string, body: unknown): Mismatch | undefined {
    const found = this.#find(method, url)
    if (found === undefined) return undefined
    const operation = `${method} ${shapeOf(found.path)}`
    for (const [at, schema, text] of parametersOf(found, url)) {
      if (schema === undefined) return { operation, part: 'request', at, reason: 'no such parameter' }
      const wrong = meaningsOf(text).map((value) => this.#mismatch(`${operation} ${at}`, schema, value))
      if (wrong.every((each) => each !== undefined)) return { operation, part: 'request', at, reason: wrong[0]!.reason }
    }
    const content = found.spec.requestBody?.content
    if (body === undefined) {
      if (found.spec.requestBody?.required !== true) return undefined
      return { operation, part: 'request', at: '', reason: 'a body is required' }
    }
    const schema = content?.['application/json']?.schema
    if (schema === undefined) return undefined
    const wrong = this.#mismatch(`${operation} request`, schema, body)
    return wrong && { operation, part: 'request', ...wrong }
  }

  /**
   * As `request`, of an answer. Statuses that the document does not have by number are held to its `4XX` or `default`.
   * @param body parsed when the type is JSON
   */
  answer(
    method: string,
    url: string,
    status: number,
    body: unknown,
    contentType = 'application/json',
  ): Mismatch | undefined {
    const found = this.#find(method, url)
    if (found === undefined) return undefined
    const operation = `${method} ${shapeOf(found.path)}`
    const { responses } = found.spec
    const kind = [String(status), `${String(status)[0]}XX`, 'default'].find((each) => responses[each] !== undefined)
    if (kind === undefined || (status < 300 && kind === 'default'))
      return { operation, part: 'answer', at: '', reason: `status ${status} is not in the document` }
    const { content } = this.#resolved(responses[kind])
    if (content === undefined) return undefined
    const type = contentType.replace(/;.*/, '')
    if (content[type] === undefined)
      return {
        operation,
        part: 'answer',
        at: '',
        reason: `${type} (${status}) instead of ${Object.keys(content).join(' or ')}`,
      }
    const { schema } = content[type]
    if (type !== 'application/json' || schema === undefined) return undefined
    const wrong = this.#mismatch(`${operation} ${kind}`, schema, body)
    return wrong && { operation, part: 'answer', ...wrong }
  }

  #resolved(part: Any): Any {
    return part.$ref === undefined ? part : this.#document.components.responses[part.$ref.split('/').at(-1)]
  }

  #find(method: string, url: string): { readonly path: string; readonly spec: Any } | undefined {
    const segments = pathOf(url).split('/')
    const fitting = Object.entries<Any>(this.#document.paths)
      .filter(([path, methods]) => methods[method.toLowerCase()] !== undefined && fits(path.split('/'), segments))
      .sort(([a], [b]) => a.split('{').length - b.split('{').length)[0]
    return fitting && { path: fitting[0], spec: fitting[1][method.toLowerCase()] }
  }

  #mismatch(name: string, schema: Any, value: unknown): { readonly at: string; readonly reason: string } | undefined {
    let validate = this.#made.get(name)
    if (validate === undefined) {
      validate = this.#ajv.compile(absolute(schema))
      this.#made.set(name, validate)
    }
    return validate(value) ? undefined : deepest(validate.errors!)
  }
}

export const shapeOf = (path: string): string => path.replaceAll(/\{\w+\}/g, '{}')

/** Of alternatives each of which says why it does not fit, the one that got furthest knows best. */
const deepest = (errors: readonly ErrorObject[]): { readonly at: string; readonly reason: string } => {
  // What repeats in a list is told before its elements are looked at.
  const depth = ({ instancePath, keyword }: ErrorObject): number =>
    instancePath.split('/').length + (keyword === 'uniqueItems' ? 1 : 0)
  const most = Math.max(...errors.map(depth))
  const [first, ...others] = errors.filter((error) => depth(error) === most)
  const at = first!.instancePath
  const told = [first!, ...others.filter(({ instancePath }) => instancePath === at)].map(({ message, params }) =>
    `${message ?? ''} ${params.additionalProperty ?? ''}`.replace(/ \(items ##.*/, '').trim(),
  )
  return { at, reason: [...new Set(told)].slice(0, 4).join('; ') }
}

/** Each parameter that was sent: its place, its schema if there is one, its text. */
const parametersOf = ({ path, spec }: { path: string; spec: Any }, url: string): [string, Any, string][] => {
  const declared = (where: string, name: string): Any =>
    spec.parameters?.find((each: Any) => each.in === where && each.name === name)?.schema
  const query = [...new URL(url, 'http://region').searchParams].map(([name, text]): [string, Any, string] => [
    `?${name}`,
    declared('query', name),
    text,
  ])
  const segments = pathOf(url).split('/')
  const parts = path.split('/').flatMap((part, i): [string, Any, string][] => {
    const name = /^\{(\w+)\}$/.exec(part)?.[1]
    return name === undefined ? [] : [[`:${name}`, declared('path', name), decodeURIComponent(segments[i]!)]]
  })
  return [...query, ...parts]
}

/** What the text of a parameter can stand for. */
const meaningsOf = (text: string): unknown[] => {
  if (text === 'true' || text === 'false') return [text === 'true', text]
  return /^-?\d+$/.test(text) ? [Number(text), text] : [text]
}

const pathOf = (url: string): string => url.replace(/\?.*$/, '').replace(/(?<=.)\/+$/, '')
const fits = (pattern: readonly string[], segments: readonly string[]): boolean =>
  pattern.length === segments.length && pattern.every((part, i) => part === segments[i] || part.startsWith('{'))

/** References of a part, which is compiled on its own, to the whole. */
const absolute = (schema: Any): Any =>
  JSON.parse(JSON.stringify(schema).replaceAll('"#/components', '"spec#/components'))

const withNull = (node: Any): Any => {
  if (node === null || typeof node !== 'object') return node
  for (const key of Object.keys(node)) node[key] = withNull(node[key])
  if (node.nullable !== true) return node
  const { nullable: _, ...rest } = node
  if (typeof rest.type === 'string')
    return { ...rest, type: [rest.type, 'null'], ...(rest.enum ? { enum: [...rest.enum, null] } : {}) }
  const { $ref, anyOf, allOf, oneOf, ...others } = rest
  const forms = $ref ? [{ $ref }] : (anyOf ?? oneOf ?? (allOf ? [{ allOf }] : []))
  return { ...others, anyOf: [...forms, { type: 'null' }] }
}
