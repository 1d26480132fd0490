import { z } from 'zod'
import { ANSWER_HEADERS, kindOf, REQUEST_HEADERS } from '../guarantees/kind.js'
import { needOf } from '../http/access.js'
import type { Route } from '../http/router.js'
import { API_VERSION, VERSION } from '../version.js'
import type { Operation, Shape } from './operation.js'
import { TAGS } from './operation.js'
import { OPERATIONS } from './operations.js'
import { SCHEMAS } from './schemas.js'

type Json = Record<string, unknown>
const ref = (name: string): Json => ({ $ref: `#/components/schemas/${name}` })

/** What is known of a route; `undefined` when nobody has described it. */
export const operationOf = (route: Route): Operation | undefined =>
  route.doc ?? OPERATIONS.get(`${route.method} ${route.path}`)

/** The name that a path has in the document: `/a/:b` is `/a/{b}`. */
export const documentPath = (path: string): string => path.replaceAll(/:(\w+)/g, '{$1}')

/** OpenAPI 3.1, of the routes that are registered: there is no other list of them. */
export const openApiDocument = (routes: readonly Route[]): Json => {
  const paths: Record<string, Json> = {}
  for (const route of routes) {
    const path = documentPath(route.path)
    paths[path] = { ...paths[path], [route.method.toLowerCase()]: describe(route) }
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'Meridian',
      version: VERSION,
      summary: 'Active-active vector store',
      description: `The REST shape is compatible with that of Qdrant ${API_VERSION}; what only this store has stands under /meridian/ and in meridian-* headers.`,
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
    },
    security: [{ 'api-key': [] }, { bearer: [] }, {}],
    tags: TAGS.map((name) => ({ name })),
    paths,
    components: {
      schemas: componentSchemas(),
      responses: {
        Error: { description: 'Refused or failed', content: { 'application/json': { schema: ref('ErrorResponse') } } },
        Accepted: {
          description: 'Begun, with wait=false',
          content: { 'application/json': { schema: ref('AcceptedResponse') } },
        },
        Denied: {
          description: 'Key missing, wrong or too narrow, or too many headers',
          content: { 'text/plain': { schema: { type: 'string' } } },
        },
        TooMany: {
          description:
            'Too many wrong keys (text), writes that come faster than they are indexed, or past a rate limit of the collection (JSON); see retry-after',
          headers: { 'retry-after': { schema: { type: 'string' } } },
          content: {
            'text/plain': { schema: { type: 'string' } },
            'application/json': { schema: ref('ErrorResponse') },
          },
        },
      },
      securitySchemes: {
        'api-key': { type: 'apiKey', in: 'header', name: 'api-key' },
        bearer: { type: 'http', scheme: 'bearer' },
      },
    },
  }
}

const describe = (route: Route): Json => {
  const known = operationOf(route) ?? { summary: `${route.method} ${route.path}`, tag: 'Service' as const }
  return {
    operationId: operationId(route),
    summary: known.summary,
    tags: [known.tag],
    parameters: parametersOf(route, known),
    ...(known.body === undefined
      ? {}
      : { requestBody: { content: { 'application/json': { schema: schemaOf(known.body) } } } }),
    ...(known.isRefused ? { deprecated: true, 'x-refused': true } : {}),
    responses: {
      ...(known.isRefused ? {} : { 200: answerOf(known, answerHeaders(route, known)) }),
      ...(known.isDeferrable ? { 202: { $ref: '#/components/responses/Accepted' } } : {}),
      default: { $ref: '#/components/responses/Error' },
      ...denials(route),
      ...(route.isProbe ? { 503: answerOf({ ...known, summary: 'Not so, with the reason' }, []) } : {}),
    },
    ...(route.isOpen ? { security: [{}] } : { 'x-access': needOf(route) }),
  }
}

/** Of an answer of success, beside the id of the request. */
const answerHeaders = (route: Route, { tag }: Operation): readonly string[] => [
  ...ANSWER_HEADERS[kindOf(route)],
  ...(tag === 'Search' ? ['meridian-plan'] : []),
]

const operationId = ({ method, path }: Route): string =>
  [method.toLowerCase(), ...(path.match(/\w+/g) ?? ['root'])].join('_')

const denials = ({ isOpen }: Route): Json =>
  Object.fromEntries(
    [...(isOpen ? [] : ['401', '403', '429']), '431'].map((status) => [
      status,
      { $ref: `#/components/responses/${status === '429' ? 'TooMany' : 'Denied'}` },
    ]),
  )

const parametersOf = (route: Route, { query = {}, answers }: Operation): Json[] => {
  const named = (where: 'query' | 'header', name: string, description: string): Json => ({
    name,
    in: where,
    description,
    schema: { type: 'string' },
  })
  const kind = needOf(route)
  const isReplicated = kindOf(route) !== 'other' && !route.path.startsWith('/meridian/')
  const common: Record<string, string> =
    answers !== undefined || !isReplicated
      ? {}
      : kind === 'read'
        ? { consistency: 'number of regions, majority, quorum or all', timeout: 'whole seconds' }
        : {
            wait: 'true or false',
            ordering: 'weak, medium, or (of whole points by id) strong',
            timeout: 'whole seconds',
          }
  return [
    ...[...route.path.matchAll(/:(\w+)/g)].map(([, name]) => ({
      ...named('query', name!, ''),
      in: 'path',
      required: true,
    })),
    ...Object.entries({ ...common, ...query }).map(([name, meaning]) => named('query', name, meaning)),
    ...Object.entries(REQUEST_HEADERS[kindOf(route)]).map(([name, meaning]) => named('header', name, meaning)),
    named('header', 'x-request-id', 'echoed, and in the log'),
  ]
}

const answerOf = ({ answers, result, summary }: Operation, more: readonly string[]): Json => {
  const headers = Object.fromEntries(['x-request-id', ...more].map((name) => [name, { schema: { type: 'string' } }]))
  if (answers === 'text' || answers === 'html') {
    const type = answers === 'text' ? 'text/plain' : 'text/html'
    return { description: summary, headers, content: { [type]: { schema: { type: 'string' } } } }
  }
  if (answers === 'bytes')
    return {
      description: summary,
      headers,
      content: { 'application/octet-stream': { schema: { type: 'string', format: 'binary' } } },
    }
  const inner = result === undefined ? {} : schemaOf(result)
  const schema = answers === 'bare' ? inner : enveloped(inner)
  return { description: summary, headers, content: { 'application/json': { schema } } }
}

const enveloped = (result: Json): Json => ({
  type: 'object',
  required: ['result', 'status', 'time'],
  properties: { result, status: { const: 'ok' }, time: { type: 'number', description: 'seconds' } },
})

const schemaOf = (shape: Shape | z.ZodType): Json => {
  if (typeof shape !== 'string') return withoutIds(z.toJSONSchema(shape, { io: 'input', unrepresentable: 'any' }))
  if (shape.endsWith('[]')) return { type: 'array', items: schemaOf(shape.slice(0, -2) as Shape) }
  return ref(shape)
}

const componentSchemas = (): Json => {
  const registry = z.registry<{ id: string }>()
  for (const [id, schema] of Object.entries(SCHEMAS)) registry.add(schema, { id })
  const { schemas } = z.toJSONSchema(registry, {
    uri: (id) => `#/components/schemas/${id}`,
    io: 'input',
    unrepresentable: 'any',
  })
  const named = Object.entries(schemas).map(([name, schema]) => [name, withoutIds(schema as Json)])
  return { ...Object.fromEntries(named), ErrorResponse: ERROR, AcceptedResponse: ACCEPTED }
}

const withoutIds = ({ $schema: _, $id: __, ...schema }: Json): Json => schema

const ACCEPTED: Json = {
  type: 'object',
  required: ['status', 'time'],
  properties: { status: { const: 'accepted' }, time: { type: 'number' } },
}

const ERROR: Json = {
  type: 'object',
  required: ['status', 'time'],
  properties: {
    status: { type: 'object', required: ['error'], properties: { error: { type: 'string' } } },
    time: { type: 'number' },
  },
}
