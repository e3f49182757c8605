"""A session with a generic client: pytest-lsp, whose types are those of the protocol's own description, so that an answer
of the wrong shape fails here. Run by `scripts/test-editors`; `WEIR` is the program."""

import os

import pytest
import pytest_lsp
from lsprotocol import types
from pytest_lsp import ClientServerConfig, LanguageClient

TEXT = """/// Opens an account.
tool crm.create(name: string, plan: "solo" | "team") -> { id: string } can crm.write
tool crm.delete(id: string) can crm.write idempotent

/// A whole one.
saga open(name: string) -> { id: string } can crm.write {
  account = crm.create(name: name, plan: "solo")
    undo crm.delete(id: account.id)
  return { id: account.id }
}
"""


@pytest_lsp.fixture(config=ClientServerConfig(server_command=[os.environ["WEIR"], "lsp", "--stdio"]))
async def client(lsp_client: LanguageClient, tmp_path):
    lsp_client.folder = tmp_path
    await lsp_client.initialize_session(
        types.InitializeParams(
            capabilities=pytest_lsp.client_capabilities("visual-studio-code"),
            workspace_folders=[types.WorkspaceFolder(uri=tmp_path.as_uri(), name="session")],
        )
    )
    yield
    await lsp_client.shutdown_session()


def position_of(text: str, at: int) -> types.Position:
    before = text[:at]
    return types.Position(line=before.count("\n"), character=at - (before.rfind("\n") + 1))


async def settled(client: LanguageClient, uri: str, wanted) -> list:
    while not wanted(client.diagnostics.get(uri, [])):
        await client.wait_for_notification("textDocument/publishDiagnostics")
    return client.diagnostics.get(uri, [])


@pytest.mark.asyncio
async def test_a_flow_is_typed_letter_by_letter(client: LanguageClient):
    uri = (client.folder / "open.flow").as_uri()
    document = types.TextDocumentIdentifier(uri=uri)
    item = types.TextDocumentItem(uri=uri, language_id="flow", version=0, text="")
    client.text_document_did_open(types.DidOpenTextDocumentParams(text_document=item))
    for at, letter in enumerate(TEXT):
        start = position_of(TEXT, at)
        change = types.TextDocumentContentChangePartial(range=types.Range(start=start, end=start), text=letter)
        client.text_document_did_change(
            types.DidChangeTextDocumentParams(
                text_document=types.VersionedTextDocumentIdentifier(uri=uri, version=at + 1), content_changes=[change]
            )
        )
        here = position_of(TEXT, at + 1)
        offered = await client.text_document_completion_async(types.CompletionParams(text_document=document, position=here))
        assert isinstance(offered, types.CompletionList)
        if TEXT[: at + 1].endswith("undo crm."):
            assert "delete" in [entry.label for entry in offered.items]
        await client.text_document_hover_async(types.HoverParams(text_document=document, position=here))
    assert not await settled(client, uri, lambda found: not found)

    at = position_of(TEXT, TEXT.index("create(name: name") + 1)
    hover = await client.text_document_hover_async(types.HoverParams(document, at))
    assert "Opens an account." in hover.contents.value
    found = await client.text_document_definition_async(types.DefinitionParams(document, at))
    assert found.range.start.line == 1
    references = await client.text_document_references_async(
        types.ReferenceParams(context=types.ReferenceContext(include_declaration=True), text_document=document, position=at)
    )
    assert len(references) == 2


@pytest.mark.asyncio
async def test_every_answer_has_the_shape_that_the_protocol_says(client: LanguageClient):
    uri = (client.folder / "shapes.flow").as_uri()
    document = types.TextDocumentIdentifier(uri=uri)
    broken = TEXT.replace("    undo crm.delete(id: account.id)\n", "")
    item = types.TextDocumentItem(uri=uri, language_id="flow", version=0, text=broken)
    client.text_document_did_open(types.DidOpenTextDocumentParams(text_document=item))
    found = await settled(client, uri, lambda found: len(found) > 0)
    assert [one.code for one in found] == ["missing-undo"]
    whole = types.Range(start=types.Position(0, 0), end=types.Position(100, 0))
    symbols = await client.text_document_document_symbol_async(types.DocumentSymbolParams(document))
    assert [one.name for one in symbols] == ["crm.create", "crm.delete", "open"]
    tokens = await client.text_document_semantic_tokens_full_async(types.SemanticTokensParams(document))
    assert len(tokens.data) % 5 == 0 and tokens.data
    folds = await client.text_document_folding_range_async(types.FoldingRangeParams(document))
    assert folds
    lenses = await client.text_document_code_lens_async(types.CodeLensParams(document))
    assert [lens.command.title for lens in lenses] == ["run", "dry run", "graph"]
    hints = await client.text_document_inlay_hint_async(types.InlayHintParams(text_document=document, range=whole))
    assert hints
    actions = await client.text_document_code_action_async(
        types.CodeActionParams(text_document=document, range=whole, context=types.CodeActionContext(diagnostics=found))
    )
    assert any(action.title.startswith("add `undo crm.delete") for action in actions)
    at = position_of(broken, broken.index("plan: \"solo\""))
    help_ = await client.text_document_signature_help_async(types.SignatureHelpParams(document, at))
    assert help_.active_parameter == 1 and len(help_.signatures[0].parameters) == 2
    name = position_of(broken, broken.index("account"))
    edit = await client.text_document_rename_async(types.RenameParams("opened", document, position_of(broken, broken.index("account ="))))
    assert len(edit.changes[uri]) == 2
    ranges = await client.text_document_selection_range_async(types.SelectionRangeParams(document, [name]))
    assert ranges
    calls = await client.text_document_prepare_call_hierarchy_async(
        types.CallHierarchyPrepareParams(document, position_of(broken, broken.index("open(name")))
    )
    assert calls[0].name == "open"
    outgoing = await client.call_hierarchy_outgoing_calls_async(types.CallHierarchyOutgoingCallsParams(calls[0]))
    assert [call.to.name for call in outgoing] == ["crm.create"]
    format_options = types.FormattingOptions(tab_size=2, insert_spaces=True)
    edits = await client.text_document_formatting_async(types.DocumentFormattingParams(document, format_options))
    assert not edits
