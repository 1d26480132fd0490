import type { Route } from '../http/router.js'
import { operationOf } from './document.js'
import { type Operation, TAGS } from './operation.js'

const escaped = (text: string): string =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;').replaceAll('"', '&quot;')

/** May load nothing, from anywhere. */
export const PAGE_POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"

const STYLE = `body{font:15px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color-scheme:light dark}
code{font:13px ui-monospace,monospace}summary{cursor:pointer;padding:.2rem 0}b{display:inline-block;width:4.5rem}dd{margin:0 0 .4rem 1.5rem}`

/** The document for people: a page of its own, without scripts and without addresses of other servers. */
export const documentPage = (routes: readonly Route[], document: Readonly<Record<string, unknown>>): string => {
  const { schemas } = document.components as { schemas: Record<string, unknown> }
  const known = routes.map((route) => ({ route, operation: operationOf(route) }))
  const sections = TAGS.map((tag) => {
    const rows = known.filter(({ operation }) => operation?.tag === tag)
    return `<h2>${tag}</h2>${rows.map(({ route, operation }) => row(route, operation!)).join('')}`
  })
  const shapes = Object.entries(schemas).map(
    ([name, schema]) =>
      `<details id="${escaped(name)}"><summary><code>${escaped(name)}</code></summary><pre><code>${escaped(JSON.stringify(schema, null, 1))}</code></pre></details>`,
  )
  return `<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>Meridian API</title><style>${STYLE}</style>
<h1>Meridian API</h1><p>The same for machines: <a href="openapi.json">openapi.json</a>.</p>
${sections.join('\n')}<h2>Shapes</h2>${shapes.join('\n')}</html>`
}

const row = (route: Route, { summary, body, result }: Operation): string =>
  `<details><summary><b>${route.method}</b><code>${escaped(route.path)}</code> ${escaped(summary)}</summary><dl>${shape('Body', body)}${shape('Result', result)}</dl></details>`

const shape = (label: string, named: unknown): string => {
  if (typeof named !== 'string') return ''
  return `<dt>${label}</dt><dd><a href="#${escaped(named.replaceAll('[]', ''))}">${escaped(named)}</a></dd>`
}
