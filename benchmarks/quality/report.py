"""Write what the kept cells say: table, CSV and picture."""
