PRAGMA foreign_keys=OFF;
BEGIN TRANSACTION;
CREATE TABLE audit (
  number INTEGER PRIMARY KEY,
  before BLOB NOT NULL,
  hash   BLOB NOT NULL,
  json   TEXT NOT NULL
) STRICT;
INSERT INTO "audit" VALUES(1,X'0000000000000000000000000000000000000000000000000000000000000000',X'A0CE2D8A26CAA6877DDB7178C07F723AA759A615093300BA98E5B6A5DE1FD8E7','{"at":"2026-11-21T18:01:33.673874288Z","what":"run.started","run_id":"01a1ff45-4ab8-75f2-a763-3d33f4cd4c85","flow":"a.main","grants":["store.write"],"by":"somebody"}');
INSERT INTO "audit" VALUES(2,X'A0CE2D8A26CAA6877DDB7178C07F723AA759A615093300BA98E5B6A5DE1FD8E7',X'9B1171750F2F800DBA27C6D4128EFE89FC7DE48D2D84B45237E9B3488AD8D1DC','{"at":"2026-11-21T18:01:33.674285488Z","what":"call.attempted","run_id":"01a1ff45-4ab8-75f2-a763-3d33f4cd4c85","step":"store.put","attempt":1,"tool":"store.put","value":{"collection":"c","id":"1","value":{"n":1}},"hash":"db25311393579698c036da19164bb1a9c60ef9d473e0dd0b72f21fb80e0cd14f"}');
INSERT INTO "audit" VALUES(3,X'9B1171750F2F800DBA27C6D4128EFE89FC7DE48D2D84B45237E9B3488AD8D1DC',X'F08804C918A3B5A2ACB1EB124059FF75DA26D91415FE0395B0E024D7C402A03D','{"at":"2026-11-21T18:01:33.711383014Z","what":"call.succeeded","run_id":"01a1ff45-4ab8-75f2-a763-3d33f4cd4c85","step":"store.put","attempt":1,"tool":"store.put"}');
INSERT INTO "audit" VALUES(4,X'F08804C918A3B5A2ACB1EB124059FF75DA26D91415FE0395B0E024D7C402A03D',X'99F7DBFFE49C1C7CC9C878AADDE96CB45674E74CDA7F1A24A3CA65CE2AB22B49','{"at":"2026-11-21T18:01:33.911601935Z","what":"run.started","run_id":"01a1ff45-4bd3-756e-bdd8-94ed159604b0","flow":"a.quick","by":"somebody"}');
INSERT INTO "audit" VALUES(5,X'99F7DBFFE49C1C7CC9C878AADDE96CB45674E74CDA7F1A24A3CA65CE2AB22B49',X'80EAF447AA9120D01D6F4A89E1663BB8890794C190EB56FF9934F69CB1521985','{"at":"2026-11-21T18:01:33.937772203Z","what":"run.started","run_id":"01a1ff45-4bee-7297-a233-c9858d7b4d13","flow":"a.quick","by":"somebody"}');
INSERT INTO "audit" VALUES(6,X'80EAF447AA9120D01D6F4A89E1663BB8890794C190EB56FF9934F69CB1521985',X'48108F76976C4418E807852E623716D27FAB267E7EF511936AAF60382823F68D','{"at":"2026-11-21T18:01:33.962712179Z","what":"run.started","run_id":"01a1ff45-4c07-72d6-9782-3b7f48d3de4b","flow":"a.quick","by":"somebody"}');
INSERT INTO "audit" VALUES(7,X'48108F76976C4418E807852E623716D27FAB267E7EF511936AAF60382823F68D',X'4D6A2B3E5453410991468C31770CA05C5A038314FB430D390EEAE0723BA2A928','{"at":"2026-11-21T18:01:33.994319469Z","what":"question.answered","run_id":"01a1ff45-4ab8-75f2-a763-3d33f4cd4c85","step":"yes","attempt":1,"value":true,"hash":"3c247edb35b2ce6c5908166407e643baa9bd99edd0c45b08d900d306ec1ff5b0","reason":"go on?","by":"somebody"}');
INSERT INTO "audit" VALUES(8,X'4D6A2B3E5453410991468C31770CA05C5A038314FB430D390EEAE0723BA2A928',X'00B850B2F150298E7668C50D18D1F38995EF697AD32988385A7AD279C80F5D01','{"at":"2026-11-21T18:01:33.997964713Z","what":"run.started","run_id":"01a1ff45-4c2a-7906-b546-fd61a4d3074b","flow":"a.part","grants":["store.write"],"by":"run 01a1ff45-4ab8-75f2-a763-3d33f4cd4c85"}');
INSERT INTO "audit" VALUES(9,X'00B850B2F150298E7668C50D18D1F38995EF697AD32988385A7AD279C80F5D01',X'54F08AFBF05825B227281BB999A3D19B9BC0CA76758E558884B8BB72079DDA58','{"at":"2026-11-21T18:01:33.998685811Z","what":"call.attempted","run_id":"01a1ff45-4c2a-7906-b546-fd61a4d3074b","step":"store.put","attempt":1,"tool":"store.put","value":{"collection":"c","id":"2","value":{"n":2}},"hash":"845ef5a56a34f2ffb9d77439a1475b431c9662cede26c8885daff1e73d383eae"}');
INSERT INTO "audit" VALUES(10,X'54F08AFBF05825B227281BB999A3D19B9BC0CA76758E558884B8BB72079DDA58',X'11B61914DC2A462EF194477C9B0D69D7BF67B9AA5CF1C8A356256289EB94C18F','{"at":"2026-11-21T18:01:34.002940383Z","what":"call.succeeded","run_id":"01a1ff45-4c2a-7906-b546-fd61a4d3074b","step":"store.put","attempt":1,"tool":"store.put"}');
CREATE TABLE audit_head (
  one    INTEGER PRIMARY KEY CHECK (one = 1),
  number INTEGER NOT NULL,
  hash   BLOB NOT NULL
) STRICT;
INSERT INTO "audit_head" VALUES(1,10,X'11B61914DC2A462EF194477C9B0D69D7BF67B9AA5CF1C8A356256289EB94C18F');
CREATE TABLE events (
  run   INTEGER NOT NULL,
  seq   INTEGER NOT NULL,
  json  TEXT NOT NULL,
  large TEXT,
  sum   INTEGER NOT NULL,
  PRIMARY KEY (run, seq)
) STRICT, WITHOUT ROWID;
INSERT INTO "events" VALUES(1,0,'{"event":{"started":{"at":"2026-11-21T18:01:33.67083048Z","run_id":"01a1ff45-4ab8-75f2-a763-3d33f4cd4c85","program":"sha256:7677f794b9ab9a7579acb5ef2b60483193d8973f6c0e45fba68044f0e17ab811","project":"kept","args":{},"grants":["store.write"],"delivery":false,"flags":{},"thread":"order/7","allowance":{}}}}',NULL,-915248931558782027);
INSERT INTO "events" VALUES(1,1,'{"claimed":{"key":{"step":"store.put","attempt":1},"args":"db25311393579698c036da19164bb1a9c60ef9d473e0dd0b72f21fb80e0cd14f"}}',NULL,5127764099993674990);
INSERT INTO "events" VALUES(1,2,'{"event":{"done":{"at":"2026-11-21T18:01:33.711363068Z","key":{"step":"store.put","attempt":1},"value":{"id":"1"}}}}',NULL,-913739431926429655);
INSERT INTO "events" VALUES(1,3,'{"event":{"answered":{"at":"2026-11-21T18:01:33.994301018Z","key":{"step":"yes","attempt":1},"value":true}}}',NULL,-6303478721266357406);
INSERT INTO "events" VALUES(1,4,'{"event":{"done":{"at":"2026-11-21T18:01:33.999414782Z","key":{"step":"part","attempt":1},"value":"01a1ff45-4c2a-7906-b546-fd61a4d3074b"}}}',NULL,-5608281091948619909);
INSERT INTO "events" VALUES(2,0,'{"event":{"started":{"at":"2026-11-21T18:01:33.910924546Z","run_id":"01a1ff45-4bd3-756e-bdd8-94ed159604b0","program":"sha256:06504a4c78ecad090a9d6f428c9b2166e8587931575efed2d1675bc53c80a894","project":"kept","args":{},"grants":[],"delivery":false,"flags":{},"thread":"order/7","allowance":{}}}}',NULL,-2265936398559008228);
INSERT INTO "events" VALUES(3,0,'{"event":{"started":{"at":"2026-11-21T18:01:33.937060208Z","run_id":"01a1ff45-4bee-7297-a233-c9858d7b4d13","program":"sha256:06504a4c78ecad090a9d6f428c9b2166e8587931575efed2d1675bc53c80a894","project":"kept","args":{},"grants":[],"delivery":false,"flags":{},"allowance":{}}}}',NULL,8397874602863625508);
INSERT INTO "events" VALUES(4,0,'{"event":{"started":{"at":"2026-11-21T18:01:33.962073504Z","run_id":"01a1ff45-4c07-72d6-9782-3b7f48d3de4b","program":"sha256:06504a4c78ecad090a9d6f428c9b2166e8587931575efed2d1675bc53c80a894","project":"kept","args":{},"grants":[],"delivery":false,"flags":{},"thread":"order/8","allowance":{}}}}',NULL,-9062205035564684609);
INSERT INTO "events" VALUES(5,0,'{"event":{"started":{"at":"2026-11-21T18:01:33.9970432Z","run_id":"01a1ff45-4c2a-7906-b546-fd61a4d3074b","program":"sha256:ab17db7e79abfdc8de5d3b4e1d682283d519b8ed997aa83bec50c7d7f6b35158","project":"kept","args":{},"grants":["store.write"],"delivery":false,"flags":{},"thread":"order/7","allowance":{"depth":1}}}}',NULL,-6823882522864374408);
INSERT INTO "events" VALUES(5,1,'{"claimed":{"key":{"step":"store.put","attempt":1},"args":"845ef5a56a34f2ffb9d77439a1475b431c9662cede26c8885daff1e73d383eae"}}',NULL,5514376354965237447);
INSERT INTO "events" VALUES(5,2,'{"event":{"done":{"at":"2026-11-21T18:01:34.002925959Z","key":{"step":"store.put","attempt":1},"value":{"id":"2"}}}}',NULL,-4072236632027223907);
CREATE TABLE keys (
  scope  TEXT NOT NULL,
  key    TEXT NOT NULL,
  args   TEXT NOT NULL,
  run_id TEXT NOT NULL,
  step   TEXT NOT NULL,
  since  TEXT NOT NULL,
  value  TEXT,
  sum    INTEGER NOT NULL,
  name   INTEGER NOT NULL,
  PRIMARY KEY (scope, key)
) STRICT, WITHOUT ROWID;
CREATE TABLE memory (
  name TEXT PRIMARY KEY,
  json TEXT NOT NULL,
  sum  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE payloads (
  hash TEXT PRIMARY KEY,
  json TEXT NOT NULL
) STRICT;
CREATE TABLE plans (
  hash TEXT PRIMARY KEY,
  json TEXT NOT NULL,
  sum  INTEGER NOT NULL
) STRICT;
INSERT INTO "plans" VALUES('sha256:7677f794b9ab9a7579acb5ef2b60483193d8973f6c0e45fba68044f0e17ab811','{"version":1,"entry":0,"flows":[{"name":"a.main","role":"coordinator","params":[],"returns":{"record":{"fields":{"yes":{"ty":"bool"}}}},"can":["store.write"],"slots":6,"body":{"graph":{"nodes":[{"name":"store.put","loc":{"file":0,"span":{"start":56,"end":108}},"bind":0,"kind":{"act":{"target":{"tool":{"tool":"store.put","args":{"record":[{"field":["collection",{"const":"c"}]},{"field":["id",{"const":"1"}]},{"field":["value",{"record":[{"field":["n",{"const":1}]}]}]}]}}},"result":1,"value":null,"timeout":null,"policy":[{"codes":["timeout","rate_limited","unavailable"],"retry":{"count":3,"lo_ms":200,"hi_ms":30000,"only_if_not_happened":false},"then":"fail"}],"until":null,"handlers":[],"undo":null,"is_final":false,"key":null,"repeatable":true}},"effect":"barrier"},{"name":"yes","loc":{"file":0,"span":{"start":117,"end":137}},"bind":2,"kind":{"act":{"target":{"ask":{"question":{"const":"go on?"},"ty":"bool","from":null}},"result":3,"value":null,"timeout":null,"policy":[],"until":null,"handlers":[],"undo":null,"is_final":false,"key":null,"repeatable":true}},"effect":"barrier"},{"name":"part","loc":{"file":0,"span":{"start":140,"end":152}},"bind":4,"kind":{"act":{"target":{"start":{"flow":1,"args":{"record":[]},"delay":null}},"result":5,"value":null,"timeout":null,"policy":[],"until":null,"handlers":[],"undo":null,"is_final":false,"key":null,"repeatable":false}},"effect":"barrier"},{"name":"return","loc":{"file":0,"span":{"start":155,"end":169}},"bind":null,"kind":{"return":{"record":[{"field":["yes",{"slot":{"up":0,"at":2}}]}]}},"effect":"barrier"}],"node_holes":[],"edge_property":"directed","edges":[[0,1,"order"],[1,2,"order"],[1,3,"data"],[2,3,"order"]]},"value":null},"function":null,"barrier":true,"clauses":{"timeout_ms":null,"limit":null,"concurrency":null,"priority":0,"budget":{"calls":null,"time_ms":null,"cost":null,"depth":null},"before":null,"after":null,"on_error":null,"sample":null}},{"name":"a.part","role":"executor","params":[],"returns":null,"can":["store.write"],"slots":2,"body":{"graph":{"nodes":[{"name":"store.put","loc":{"file":0,"span":{"start":209,"end":261}},"bind":0,"kind":{"act":{"target":{"tool":{"tool":"store.put","args":{"record":[{"field":["collection",{"const":"c"}]},{"field":["id",{"const":"2"}]},{"field":["value",{"record":[{"field":["n",{"const":2}]}]}]}]}}},"result":1,"value":null,"timeout":null,"policy":[{"codes":["timeout","rate_limited","unavailable"],"retry":{"count":3,"lo_ms":200,"hi_ms":30000,"only_if_not_happened":false},"then":"fail"}],"until":null,"handlers":[],"undo":null,"is_final":true,"key":null,"repeatable":true}},"effect":"barrier"}],"node_holes":[],"edge_property":"directed","edges":[]},"value":{"slot":{"up":0,"at":0}}},"function":null,"barrier":true,"clauses":{"timeout_ms":null,"limit":null,"concurrency":null,"priority":0,"budget":{"calls":null,"time_ms":null,"cost":null,"depth":null},"before":null,"after":null,"on_error":null,"sample":null}}],"functions":[],"tools":{"store.put":{"name":"store.put","input":{"record":{"fields":{"collection":{"ty":{"string":null}},"id":{"ty":{"string":null}},"value":{"ty":"json"}}}},"output":{"record":{"fields":{"id":{"ty":{"marked":["untrusted",{"string":null}]}}}}},"capabilities":["store.write"],"idempotent":true,"accepts_key":null,"untrusted":false,"cost":0.0,"errors":{},"timeout_ms":30000}},"types":{"types":{}},"files":["a.flow","weir.toml"]}',9039674569867344527);
INSERT INTO "plans" VALUES('sha256:06504a4c78ecad090a9d6f428c9b2166e8587931575efed2d1675bc53c80a894','{"version":1,"entry":0,"flows":[{"name":"a.quick","role":"coordinator","params":[],"returns":{"int":{"lo":null,"hi":null}},"can":[],"slots":0,"body":{"graph":{"nodes":[{"name":"return","loc":{"file":0,"span":{"start":302,"end":310}},"bind":null,"kind":{"return":{"const":1}},"effect":"barrier"}],"node_holes":[],"edge_property":"directed","edges":[]},"value":null},"function":null,"barrier":false,"clauses":{"timeout_ms":null,"limit":null,"concurrency":null,"priority":0,"budget":{"calls":null,"time_ms":null,"cost":null,"depth":null},"before":null,"after":null,"on_error":null,"sample":null}}],"functions":[],"tools":{},"types":{"types":{}},"files":["a.flow","weir.toml"]}',897193107417653035);
INSERT INTO "plans" VALUES('sha256:ab17db7e79abfdc8de5d3b4e1d682283d519b8ed997aa83bec50c7d7f6b35158','{"version":1,"entry":1,"flows":[{"name":"a.main","role":"coordinator","params":[],"returns":{"record":{"fields":{"yes":{"ty":"bool"}}}},"can":["store.write"],"slots":6,"body":{"graph":{"nodes":[{"name":"store.put","loc":{"file":0,"span":{"start":56,"end":108}},"bind":0,"kind":{"act":{"target":{"tool":{"tool":"store.put","args":{"record":[{"field":["collection",{"const":"c"}]},{"field":["id",{"const":"1"}]},{"field":["value",{"record":[{"field":["n",{"const":1}]}]}]}]}}},"result":1,"value":null,"timeout":null,"policy":[{"codes":["timeout","rate_limited","unavailable"],"retry":{"count":3,"lo_ms":200,"hi_ms":30000,"only_if_not_happened":false},"then":"fail"}],"until":null,"handlers":[],"undo":null,"is_final":false,"key":null,"repeatable":true}},"effect":"barrier"},{"name":"yes","loc":{"file":0,"span":{"start":117,"end":137}},"bind":2,"kind":{"act":{"target":{"ask":{"question":{"const":"go on?"},"ty":"bool","from":null}},"result":3,"value":null,"timeout":null,"policy":[],"until":null,"handlers":[],"undo":null,"is_final":false,"key":null,"repeatable":true}},"effect":"barrier"},{"name":"part","loc":{"file":0,"span":{"start":140,"end":152}},"bind":4,"kind":{"act":{"target":{"start":{"flow":1,"args":{"record":[]},"delay":null}},"result":5,"value":null,"timeout":null,"policy":[],"until":null,"handlers":[],"undo":null,"is_final":false,"key":null,"repeatable":false}},"effect":"barrier"},{"name":"return","loc":{"file":0,"span":{"start":155,"end":169}},"bind":null,"kind":{"return":{"record":[{"field":["yes",{"slot":{"up":0,"at":2}}]}]}},"effect":"barrier"}],"node_holes":[],"edge_property":"directed","edges":[[0,1,"order"],[1,2,"order"],[1,3,"data"],[2,3,"order"]]},"value":null},"function":null,"barrier":true,"clauses":{"timeout_ms":null,"limit":null,"concurrency":null,"priority":0,"budget":{"calls":null,"time_ms":null,"cost":null,"depth":null},"before":null,"after":null,"on_error":null,"sample":null}},{"name":"a.part","role":"executor","params":[],"returns":null,"can":["store.write"],"slots":2,"body":{"graph":{"nodes":[{"name":"store.put","loc":{"file":0,"span":{"start":209,"end":261}},"bind":0,"kind":{"act":{"target":{"tool":{"tool":"store.put","args":{"record":[{"field":["collection",{"const":"c"}]},{"field":["id",{"const":"2"}]},{"field":["value",{"record":[{"field":["n",{"const":2}]}]}]}]}}},"result":1,"value":null,"timeout":null,"policy":[{"codes":["timeout","rate_limited","unavailable"],"retry":{"count":3,"lo_ms":200,"hi_ms":30000,"only_if_not_happened":false},"then":"fail"}],"until":null,"handlers":[],"undo":null,"is_final":true,"key":null,"repeatable":true}},"effect":"barrier"}],"node_holes":[],"edge_property":"directed","edges":[]},"value":{"slot":{"up":0,"at":0}}},"function":null,"barrier":true,"clauses":{"timeout_ms":null,"limit":null,"concurrency":null,"priority":0,"budget":{"calls":null,"time_ms":null,"cost":null,"depth":null},"before":null,"after":null,"on_error":null,"sample":null}}],"functions":[],"tools":{"store.put":{"name":"store.put","input":{"record":{"fields":{"collection":{"ty":{"string":null}},"id":{"ty":{"string":null}},"value":{"ty":"json"}}}},"output":{"record":{"fields":{"id":{"ty":{"marked":["untrusted",{"string":null}]}}}}},"capabilities":["store.write"],"idempotent":true,"accepts_key":null,"untrusted":false,"cost":0.0,"errors":{},"timeout_ms":30000}},"types":{"types":{}},"files":["a.flow","weir.toml"]}',3991163403918960573);
CREATE TABLE posts (
  number INTEGER PRIMARY KEY,
  run    INTEGER NOT NULL,
  json   TEXT NOT NULL,
  sum    INTEGER NOT NULL
) STRICT;
CREATE TABLE queue (
  run      INTEGER PRIMARY KEY,
  due      INTEGER NOT NULL,
  priority INTEGER NOT NULL,
  source   TEXT NOT NULL,
  count    INTEGER,
  per      INTEGER,
  behind   TEXT,
  started  TEXT,
  sum      INTEGER NOT NULL
) STRICT;
CREATE TABLE runs (
  number      INTEGER PRIMARY KEY,
  run_id      TEXT NOT NULL UNIQUE,
  flow        TEXT NOT NULL,
  program     TEXT NOT NULL,
  status      TEXT NOT NULL,
  started_at  TEXT NOT NULL,
  finished_at TEXT,
  parent      TEXT,
  start_key   TEXT UNIQUE,
  next        INTEGER NOT NULL,
  owner       TEXT,
  token       INTEGER NOT NULL,
  sum         INTEGER NOT NULL
, slot TEXT, most INTEGER, holds INTEGER NOT NULL DEFAULT 0, thread TEXT) STRICT;
INSERT INTO "runs" VALUES(1,'01a1ff45-4ab8-75f2-a763-3d33f4cd4c85','a.main','sha256:7677f794b9ab9a7579acb5ef2b60483193d8973f6c0e45fba68044f0e17ab811','succeeded','2026-11-21T18:01:33.67083048Z','2026-11-21T18:01:33.999414782Z',NULL,NULL,5,NULL,3,-6051706223017666128,NULL,NULL,0,'order/7');
INSERT INTO "runs" VALUES(2,'01a1ff45-4bd3-756e-bdd8-94ed159604b0','a.quick','sha256:06504a4c78ecad090a9d6f428c9b2166e8587931575efed2d1675bc53c80a894','succeeded','2026-11-21T18:01:33.910924546Z','2026-11-21T18:01:33.910924546Z',NULL,NULL,1,NULL,1,2437204305924989595,NULL,NULL,0,'order/7');
INSERT INTO "runs" VALUES(3,'01a1ff45-4bee-7297-a233-c9858d7b4d13','a.quick','sha256:06504a4c78ecad090a9d6f428c9b2166e8587931575efed2d1675bc53c80a894','succeeded','2026-11-21T18:01:33.937060208Z','2026-11-21T18:01:33.937060208Z',NULL,NULL,1,NULL,1,7296354457156893382,NULL,NULL,0,NULL);
INSERT INTO "runs" VALUES(4,'01a1ff45-4c07-72d6-9782-3b7f48d3de4b','a.quick','sha256:06504a4c78ecad090a9d6f428c9b2166e8587931575efed2d1675bc53c80a894','succeeded','2026-11-21T18:01:33.962073504Z','2026-11-21T18:01:33.962073504Z',NULL,NULL,1,NULL,1,-8534782735858430716,NULL,NULL,0,'order/8');
INSERT INTO "runs" VALUES(5,'01a1ff45-4c2a-7906-b546-fd61a4d3074b','a.part','sha256:ab17db7e79abfdc8de5d3b4e1d682283d519b8ed997aa83bec50c7d7f6b35158','succeeded','2026-11-21T18:01:33.9970432Z','2026-11-21T18:01:34.002925959Z','01a1ff45-4ab8-75f2-a763-3d33f4cd4c85',NULL,3,NULL,1,-4986313370257053261,NULL,NULL,0,'order/7');
CREATE TABLE starts (
  flow TEXT NOT NULL,
  at   INTEGER NOT NULL
) STRICT;
CREATE TABLE workers (
  id    TEXT PRIMARY KEY,
  until INTEGER NOT NULL
) STRICT;
CREATE INDEX runs_unfinished ON runs (number) WHERE finished_at IS NULL;
CREATE INDEX runs_parent ON runs (parent) WHERE parent IS NOT NULL;
CREATE INDEX runs_owner ON runs (owner) WHERE owner IS NOT NULL;
CREATE INDEX events_large ON events (large) WHERE large IS NOT NULL;
CREATE INDEX keys_name ON keys (name);
CREATE VIEW journal AS
SELECT runs.run_id, runs.flow, events.seq,
       coalesce(json_extract(kind.value, '$.at'), '') AS at, kind.key AS kind,
       coalesce(json_extract(kind.value, '$.key.step'), '') AS step,
       json_extract(kind.value, '$.key.attempt') AS attempt,
       kind.value AS line, payloads.json AS large
FROM events
JOIN runs ON runs.number = events.run
JOIN json_each(coalesce(json_extract(events.json, '$.event'), events.json)) AS kind
LEFT JOIN payloads ON payloads.hash = events.large
ORDER BY runs.number, events.seq;
CREATE INDEX runs_slot ON runs (slot) WHERE slot IS NOT NULL AND finished_at IS NULL;
CREATE INDEX runs_thread ON runs (thread, number) WHERE thread IS NOT NULL;
CREATE INDEX queue_due ON queue (due);
CREATE INDEX starts_flow ON starts (flow, at);
COMMIT;
PRAGMA application_id=1464158546;
PRAGMA user_version=4;
