import { readFileSync } from 'node:fs'
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js'

// biome-ignore lint/suspicious/noExplicitAny: a specification is plain JSON.
type Any = any

export interface Operation {
  readonly method: string
  /** With its parameters as `{}`: names differ between documents. */
  readonly path: string
}

/**
 * Holds requests and answers to an OpenAPI document, 3.0 or 3.1.
 * 1. A 3.0 `nullable` becomes a type or alternative `null`; taken literally, validators would let anything pass.
 * 2. Formats are not checked: text ids are our extension of `uuid`.
 */
export class Specification {
  readonly #document: Any
  readonly #ajv = new Ajv2020({ strict: false, validateFormats: false, allErrors: false })
  readonly #made = new Map<string, ValidateFunction>()

  constructor(document: Any) {
    this.#document = withNull(structuredClone(document))
    this.#ajv.addSchema({ $id: 'spec', components: this.#document.components })
  }

  static qdrant(): Specification {
    const file = new URL('../fixtures/qdrant-openapi-1.18.3.json', import.meta.url)
    return new Specification(JSON.parse(readFileSync(file, 'utf8')))
  }

  get operations(): Operation[] {
    return Object.entries<Any>(this.#document.paths).flatMap(([path, methods]) =>
      Object.keys(methods).map((method) => ({ method: method.toUpperCase(), path: shapeOf(path) })),
    )
  }

  /** What is wrong with a request's body; `undefined` if nothing is, or the document does not have the operation. */
  request(method: string, url: string, body: unknown): string | undefined {
    const operation = this.#find(method, url)
    return this.#problem(`${method} ${operation?.path} request`, operation?.spec.requestBody, body)
  }

  /** As `request`, of an answer. Errors are held to their envelope. */
  answer(method: string, url: string, status: number, body: unknown): string | undefined {
    const operation = this.#find(method, url)
    const { responses } = operation?.spec ?? {}
    const kind = status < 300 ? String(status) : '4XX'
    return this.#problem(`${method} ${operation?.path} ${kind}`, responses?.[kind] ?? responses?.default, body)
  }

  #find(method: string, url: string): { readonly path: string; readonly spec: Any } | undefined {
    const segments = url.replace(/\?.*$/, '').split('/')
    const fitting = Object.entries<Any>(this.#document.paths)
      .filter(([path, methods]) => methods[method.toLowerCase()] !== undefined && fits(path.split('/'), segments))
      .sort(([a], [b]) => a.split('{').length - b.split('{').length)[0]
    return fitting && { path: fitting[0], spec: fitting[1][method.toLowerCase()] }
  }

  #problem(name: string, part: Any, value: unknown): string | undefined {
    const meant = part?.$ref === undefined ? part : this.#document.components.responses[part.$ref.split('/').at(-1)]
    const schema = meant?.content?.['application/json']?.schema
    if (schema === undefined) return undefined
    let validate = this.#made.get(name)
    if (validate === undefined) {
      validate = this.#ajv.compile(absolute(schema))
      this.#made.set(name, validate)
    }
    return validate(value) ? undefined : `${name}: ${this.#ajv.errorsText(validate.errors)}`
  }
}

export const shapeOf = (path: string): string => path.replaceAll(/\{\w+\}/g, '{}')
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
