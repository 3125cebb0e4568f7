CREATE TABLE alembic_version (
	version_num VARCHAR(32) NOT NULL,
	CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);
INSERT INTO "alembic_version" VALUES('0006');
CREATE TABLE damages (
	id INTEGER NOT NULL,
	package_id INTEGER NOT NULL,
	store TEXT NOT NULL,
	path TEXT NOT NULL,
	kind TEXT NOT NULL,
	promised TEXT NOT NULL,
	promised_size BIGINT,
	found TEXT,
	found_size BIGINT,
	reason TEXT NOT NULL,
	found_at VARCHAR(27) NOT NULL,
	seen_at VARCHAR(27) NOT NULL,
	state TEXT NOT NULL,
	ended_at VARCHAR(27),
	ended_by TEXT NOT NULL,
	because TEXT NOT NULL,
	CONSTRAINT pk_damages PRIMARY KEY (id),
	CONSTRAINT fk_damages_package_id FOREIGN KEY(package_id) REFERENCES packages (id)
);
CREATE TABLE files (
	package_id INTEGER NOT NULL,
	position INTEGER NOT NULL,
	path TEXT NOT NULL,
	size BIGINT NOT NULL,
	md5 TEXT,
	sha1 TEXT,
	sha256 TEXT,
	sha512 TEXT,
	puid TEXT,
	CONSTRAINT pk_files PRIMARY KEY (package_id, position),
	CONSTRAINT fk_files_package_id FOREIGN KEY(package_id) REFERENCES packages (id)
)
 WITHOUT ROWID

;
CREATE TABLE journal (
	seq INTEGER NOT NULL,
	identifier TEXT NOT NULL,
	subject TEXT NOT NULL,
	line BLOB NOT NULL,
	CONSTRAINT pk_journal PRIMARY KEY (seq),
	CONSTRAINT uq_journal_identifier UNIQUE (identifier)
);
CREATE TABLE journal_head (
	id INTEGER NOT NULL,
	seq BIGINT NOT NULL,
	hash VARCHAR(64) NOT NULL,
	CONSTRAINT pk_journal_head PRIMARY KEY (id)
);
INSERT INTO "journal_head" VALUES(1,0,'0000000000000000000000000000000000000000000000000000000000000000');
CREATE TABLE journal_signed_heads (
	seq INTEGER NOT NULL,
	hash VARCHAR(64) NOT NULL,
	at VARCHAR(27) NOT NULL,
	"key" VARCHAR(64) NOT NULL,
	signature VARCHAR(128) NOT NULL,
	CONSTRAINT pk_journal_signed_heads PRIMARY KEY (seq)
);
CREATE TABLE orders (
	id INTEGER NOT NULL,
	collection TEXT NOT NULL,
	name TEXT NOT NULL,
	pages INTEGER,
	files INTEGER,
	names TEXT NOT NULL,
	due VARCHAR(10),
	vendor TEXT NOT NULL,
	batch TEXT NOT NULL,
	placed_at VARCHAR(27) NOT NULL,
	changed_at VARCHAR(27) NOT NULL,
	withdrawn_at VARCHAR(27),
	because TEXT NOT NULL,
	CONSTRAINT pk_orders PRIMARY KEY (id),
	CONSTRAINT uq_orders_collection_name UNIQUE (collection, name)
);
CREATE TABLE packages (
	id INTEGER NOT NULL,
	version_id INTEGER NOT NULL,
	policy_name TEXT NOT NULL,
	policy_revision INTEGER NOT NULL,
	policy_digest TEXT NOT NULL,
	registered_at VARCHAR(27) NOT NULL,
	files BIGINT NOT NULL,
	bytes BIGINT NOT NULL,
	CONSTRAINT pk_packages PRIMARY KEY (id),
	CONSTRAINT uq_packages_version_id UNIQUE (version_id),
	CONSTRAINT fk_packages_version_id FOREIGN KEY(version_id) REFERENCES versions (id)
);
CREATE TABLE readings (
	package_id INTEGER NOT NULL,
	store TEXT NOT NULL,
	collection TEXT NOT NULL,
	files BIGINT NOT NULL,
	bytes BIGINT NOT NULL,
	files_before BIGINT NOT NULL,
	read_at VARCHAR(27) NOT NULL,
	begun_at VARCHAR(27),
	reached TEXT,
	claimant TEXT,
	claimed_until VARCHAR(27),
	CONSTRAINT pk_readings PRIMARY KEY (package_id, store),
	CONSTRAINT fk_readings_package_id FOREIGN KEY(package_id) REFERENCES packages (id),
	CONSTRAINT uq_readings_store_files_before UNIQUE (store, files_before)
);
CREATE TABLE repair_approvals (
	damage_id INTEGER NOT NULL,
	approved_by TEXT NOT NULL,
	because TEXT NOT NULL,
	approved_at VARCHAR(27) NOT NULL,
	CONSTRAINT pk_repair_approvals PRIMARY KEY (damage_id),
	CONSTRAINT fk_repair_approvals_damage_id FOREIGN KEY(damage_id) REFERENCES damages (id)
);
CREATE TABLE replicas (
	package_id INTEGER NOT NULL,
	store TEXT NOT NULL,
	location TEXT NOT NULL,
	verified_at VARCHAR(27) NOT NULL,
	files BIGINT NOT NULL,
	bytes BIGINT NOT NULL,
	CONSTRAINT pk_replicas PRIMARY KEY (package_id, store),
	CONSTRAINT fk_replicas_package_id FOREIGN KEY(package_id) REFERENCES packages (id)
);
CREATE TABLE stores (
	name TEXT NOT NULL,
	identity VARCHAR(36) NOT NULL,
	CONSTRAINT pk_stores PRIMARY KEY (name),
	CONSTRAINT uq_stores_identity UNIQUE (identity)
);
CREATE TABLE submissions (
	id INTEGER NOT NULL,
	identifier TEXT NOT NULL,
	collection TEXT NOT NULL,
	name TEXT NOT NULL,
	drop_path BLOB NOT NULL,
	received_at VARCHAR(27) NOT NULL,
	verdict TEXT NOT NULL,
	concluded_at VARCHAR(27) NOT NULL,
	summary TEXT NOT NULL,
	receipt BLOB,
	CONSTRAINT pk_submissions PRIMARY KEY (id),
	CONSTRAINT uq_submissions_identifier UNIQUE (identifier)
);
CREATE TABLE tag_digests (
	package_id INTEGER NOT NULL,
	path TEXT NOT NULL,
	algorithm TEXT NOT NULL,
	digest TEXT NOT NULL,
	CONSTRAINT pk_tag_digests PRIMARY KEY (package_id, path),
	CONSTRAINT fk_tag_digests_package_id FOREIGN KEY(package_id) REFERENCES packages (id)
);
CREATE TABLE versions (
	id INTEGER NOT NULL,
	collection TEXT NOT NULL,
	name TEXT NOT NULL,
	number INTEGER NOT NULL,
	submission TEXT NOT NULL,
	fingerprint TEXT NOT NULL,
	CONSTRAINT pk_versions PRIMARY KEY (id),
	CONSTRAINT uq_versions_submission UNIQUE (submission),
	CONSTRAINT uq_versions_collection_name_number UNIQUE (collection, name, number)
);
CREATE INDEX ix_versions_fingerprint ON versions (fingerprint);
CREATE INDEX ix_submissions_verdict ON submissions (verdict);
CREATE INDEX ix_submissions_collection_name ON submissions (collection, name);
CREATE INDEX ix_journal_subject ON journal (subject);
CREATE TRIGGER journal_is_append_only_UPDATE BEFORE UPDATE ON journal
BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END;
CREATE TRIGGER journal_is_append_only_DELETE BEFORE DELETE ON journal
BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END;
CREATE INDEX ix_readings_due ON readings (store, collection, read_at, package_id, files, bytes);
CREATE INDEX ix_readings_claimant ON readings (claimant);
CREATE INDEX ix_damages_state ON damages (state);
CREATE INDEX ix_damages_package_id_store ON damages (package_id, store);
CREATE INDEX ix_orders_collection_id ON orders (collection, id);
