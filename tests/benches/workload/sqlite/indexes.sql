CREATE INDEX company_owner_activity ON company (owner, last_activity, id);
CREATE INDEX company_activity ON company (last_activity, id, owner);
CREATE INDEX company_name ON company (name_key);
CREATE INDEX company_owner_name ON company (owner, name_key);
CREATE INDEX company_phone ON company (phone_key);
CREATE INDEX company_city_segment ON company (city, segment, owner);
CREATE INDEX contact_company ON contact (company);
CREATE INDEX deal_company ON deal (company, stage, amount);
CREATE INDEX deal_funnel ON deal (owner, stage, amount);
CREATE INDEX activity_company ON activity (company, due);
CREATE INDEX word_all ON word (word, company);
CREATE INDEX share_company ON share (company);
CREATE INDEX share_activity ON share (user, last_activity, company, owner);
INSERT INTO sums SELECT owner, stage, count(*), sum(amount) FROM deal GROUP BY owner, stage;
CREATE TRIGGER deal_inserted AFTER INSERT ON deal BEGIN
    INSERT INTO sums VALUES (new.owner, new.stage, 1, coalesce(new.amount, 0))
    ON CONFLICT DO UPDATE SET n = n + 1, amount = amount + excluded.amount;
END;
CREATE TRIGGER deal_deleted AFTER DELETE ON deal BEGIN
    UPDATE sums SET n = n - 1, amount = amount - coalesce(old.amount, 0)
    WHERE owner = old.owner AND stage = old.stage;
END;
CREATE TRIGGER deal_changed AFTER UPDATE OF owner, stage, amount ON deal BEGIN
    UPDATE sums SET n = n - 1, amount = amount - coalesce(old.amount, 0)
    WHERE owner = old.owner AND stage = old.stage;
    INSERT INTO sums VALUES (new.owner, new.stage, 1, coalesce(new.amount, 0))
    ON CONFLICT DO UPDATE SET n = n + 1, amount = amount + excluded.amount;
END;
CREATE TRIGGER company_changed AFTER UPDATE OF owner, last_activity ON company BEGIN
    UPDATE share SET owner = new.owner, last_activity = new.last_activity WHERE company = new.id;
END;
ANALYZE;
