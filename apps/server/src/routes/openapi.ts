import { bare, plain } from '../http/envelope.js'
import { type Route, Whole } from '../http/router.js'
import { openApiDocument } from '../openapi/document.js'
import { documentPage, PAGE_POLICY } from '../openapi/page.js'

/** The routes with those that publish them: made once, of what is registered. */
export const withDocument = (routes: readonly Route[]): readonly Route[] => {
  let document: Record<string, unknown> | undefined
  const published = (): Record<string, unknown> => {
    document ??= openApiDocument(all)
    return document
  }
  let page: string | undefined
  const all: readonly Route[] = [
    ...routes,
    {
      method: 'GET',
      path: '/openapi.json',
      isOpen: true,
      doc: { summary: 'This document', tag: 'Service', result: 'Object', answers: 'bare' },
      handle: () => new Whole(bare(published())),
    },
    {
      method: 'GET',
      path: '/docs',
      isOpen: true,
      doc: { summary: 'This document, as a page', tag: 'Service', answers: 'html' },
      handle: () => {
        page ??= documentPage(all, published())
        return new Whole({
          ...plain(page, 200, 'text/html; charset=utf-8'),
          headers: { 'content-security-policy': PAGE_POLICY, 'x-content-type-options': 'nosniff' },
        })
      },
    },
  ]
  return all
}
